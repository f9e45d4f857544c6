"""Implementations as learners of assignment 2 write them."""
