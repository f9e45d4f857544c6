"""Zoo of softmax."""
