"""What `python -m coursekit train` can train: for each net, its data, its settings and how it is measured."""
