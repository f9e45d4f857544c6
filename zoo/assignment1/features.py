"""Nothing to imitate here: both questions of features ask for values computed in the notebook."""
