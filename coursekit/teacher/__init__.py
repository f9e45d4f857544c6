"""The teacher's commands, except for grading. Never distributed."""
