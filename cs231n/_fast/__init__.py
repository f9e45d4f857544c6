"""The implementation of `cs231n.fast_layers`, one module for each kind of layer."""
