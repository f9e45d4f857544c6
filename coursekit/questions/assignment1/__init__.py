"""The questions of assignment 1, a module for each notebook."""
