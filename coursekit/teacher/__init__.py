"""The teacher's commands but for grading. Never released."""
