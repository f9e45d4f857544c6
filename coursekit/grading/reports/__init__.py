"""Pages and exports, made of records alone."""
