"""Implementations as learners of assignment 3 write them."""
