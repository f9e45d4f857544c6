"""Neural networks in NumPy, vectorised: the package that the course's notebooks call and learners complete.

Import what you need from the modules: ``from cs231n.layers import affine_forward``.
"""
