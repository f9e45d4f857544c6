"""Classifiers: nearest neighbours, linear models and neural networks."""

from cs231n.classifiers.k_nearest_neighbor import *  # the course's notebooks import the classes from here
from cs231n.classifiers.linear_classifier import *  # the same
