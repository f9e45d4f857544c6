"""The questions of assignment 4, a module for each notebook."""
