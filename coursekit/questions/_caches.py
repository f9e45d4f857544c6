"""The cache that a backward pass is judged with: that of the learner's own forward pass, whatever is in it."""


def own_cache(forward, arguments, documented):
    """Run the learner's forward pass for its cache; where it does not run, take the documented cache.

    A backward pass is right if it fits the forward pass that it belongs to. One that fits the documentation can be
    judged even if the forward pass is still missing, or raises an error.
    """
    try:
        _, cache = forward(*arguments)
    except Exception:  # the question about the forward pass names it
        return documented
    return cache
