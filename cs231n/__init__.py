"""Vectorised neural-network layers in NumPy: the package that the course's notebooks call and learners write.

Import what you need from the modules: ``from cs231n.layers import affine_forward``.
"""
