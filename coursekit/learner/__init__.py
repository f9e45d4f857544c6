"""The learner's commands: set up, check, show progress, submit, train."""
