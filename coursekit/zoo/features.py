"""Zoo of features."""
