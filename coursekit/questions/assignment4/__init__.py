"""Questions of assignment 4."""
