"""The questions of assignment 3, a module for each notebook."""
