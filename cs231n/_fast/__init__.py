"""What `cs231n.fast_layers` is made of, a module for each kind of layer."""
