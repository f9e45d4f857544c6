"""Questions of softmax."""

QUESTIONS = ()
