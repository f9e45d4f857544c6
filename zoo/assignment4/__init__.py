"""Implementations as learners of assignment 4 write them."""
