"""The questions of the practice notebooks, a module for each."""
