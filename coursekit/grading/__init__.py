"""Grading: the instructor's side. Nothing of it is in the learner's edition, and nothing of it enters the sandbox."""
