"""How each platform names what it hands out: a module for each, with `NAME`, `is_mine` and `read`.

`is_mine(handed)` says whether a folder or a zip comes from the platform, `read(handed)` what is in it: an `Attempt` for
each hand-in, with the learner, the time and the files. Both look at names, and at the lists that platforms put beside
them; so they can be tried on a list of names (`handed_out.of_names`).
"""
