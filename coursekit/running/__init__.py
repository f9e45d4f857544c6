"""What runs beside a learner's code. Enters the sandbox."""
