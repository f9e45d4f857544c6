"""Questions of knn."""

QUESTIONS = ()
