"""Questions of features."""

QUESTIONS = ()
