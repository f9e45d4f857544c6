"""Implementations as learners of the practice notebooks write them."""
