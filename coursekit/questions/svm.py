"""Questions of svm."""

QUESTIONS = ()
