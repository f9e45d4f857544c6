"""Zoo of knn."""
