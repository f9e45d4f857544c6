"""Zoo of svm."""
