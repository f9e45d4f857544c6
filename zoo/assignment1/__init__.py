"""Implementations as learners of assignment 1 write them."""
