"""Runs code that is not trusted: the sandbox, the folder it sees, notebooks."""
