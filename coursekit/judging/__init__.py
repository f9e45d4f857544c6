"""Judges what a learner's code returned. Learners get it; it never enters the sandbox."""
