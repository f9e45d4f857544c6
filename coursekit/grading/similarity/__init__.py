"""Which submissions have unusual passages in common: evidence for a person to read, never a verdict.

Learners' code becomes tokens without names, layout and comments; runs of tokens are hashed, and a few of the hashes are
kept as fingerprints (winnowing: Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting", 2003). What the course gives out or answers itself is taken away, and what many share counts little.
"""
