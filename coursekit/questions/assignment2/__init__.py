"""The questions of assignment 2, a module for each notebook."""
