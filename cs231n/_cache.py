"""Caches that remember the shape of the output they belong to, so that the backward pass can check its gradient.

What is in the cache of a layer is up to who writes the layer. `remember` adds the shape without changing it.
"""

from cs231n._errors import require_gradient


class Cache(tuple):
    """A tuple with the shapes of outputs: one for each layer that passed it on, by the layer's name."""

    shapes = {}  # noqa: RUF012 - replaced in each instance, never changed


def remember(cache, layer, out):
    """Return a cache that is equal to `cache` and remembers the shape of `out`; only a plain tuple can."""
    if type(cache) not in (tuple, Cache):
        return cache
    kept = Cache(cache)
    kept.shapes = getattr(cache, "shapes", {}) | {layer: out.shape}
    return kept


def require_remembered(dout, cache, layer):
    """Raise if the cache remembers an output of another shape than that of the upstream gradient."""
    shapes = getattr(cache, "shapes", {})
    if layer in shapes:
        require_gradient(dout, shapes[layer])
