"""No implementations: both questions of features ask for values computed in the notebook."""
