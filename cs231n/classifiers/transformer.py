"""A Transformer that writes captions."""

import numpy as np

from cs231n.graph import Graph
from cs231n.graph_layers import (
    add,
    add_to_each,
    multi_head_attention,
    relu,
    temporal_affine,
    temporal_layernorm,
    temporal_softmax_loss,
    word_embedding,
)
from cs231n.transformer_layers import causal_mask, positional_encoding

_ATTENTION = ("Wq", "bq", "Wk", "bk", "Wv", "bv", "Wo", "bo")


def attend(params, name, query, memory, num_heads, mask=None):
    """Attend with the query of shape (N, S, E) to a memory of shape (N, T, E), with the weights called `name`."""
    weights = [params[f"{name}_{part}"] for part in _ATTENTION]
    return multi_head_attention(query, memory, memory, *weights, num_heads, mask)


def normalize(params, name, x):
    """Normalise the vector at every step of x, of shape (N, T, E), with the gain and shift called `name`."""
    return temporal_layernorm(x, params[f"{name}_gamma"], params[f"{name}_beta"], {})


def decoder_block(params, name, x, memory, num_heads, mask):
    """Compute one block of a decoder: attention to the words so far, attention to the image, and two affine layers.

    Each of the three parts is added to what went into it, and layer normalisation follows.

    Parameters
    ----------
    params : dict
        Weights by name: ``<name>_self_Wq`` and so on for the first attention, ``<name>_cross_Wq`` for the second,
        ``<name>_W1``, ``<name>_b1``, ``<name>_W2`` and ``<name>_b2`` for the affine layers with ReLU between them, and
        ``<name>_norm1_gamma``, ``<name>_norm1_beta`` to ``<name>_norm3_beta``.
    name : str
        Such as "block1".
    x : Node or ndarray of shape (N, T, E)
    memory : Node or ndarray of shape (N, P, E)
    num_heads : int
    mask : boolean ndarray of shape (T, T)
        False where a step must not see another one.

    Returns
    -------
    Node or ndarray of shape (N, T, E)
    """
    x = normalize(params, f"{name}_norm1", add(x, attend(params, f"{name}_self", x, x, num_heads, mask)))
    x = normalize(params, f"{name}_norm2", add(x, attend(params, f"{name}_cross", x, memory, num_heads)))
    hidden = relu(temporal_affine(x, params[f"{name}_W1"], params[f"{name}_b1"]))
    out = temporal_affine(hidden, params[f"{name}_W2"], params[f"{name}_b2"])
    return normalize(params, f"{name}_norm3", add(x, out))


class CaptioningTransformer:
    """Write captions with a Transformer that attends to the words so far and to places of the image.

    Parameters
    ----------
    word_to_idx : dict
        Maps each of the V words to its index; "<NULL>" and "<START>" must be among them.
    input_dim : int
        Size D of the features of a place.
    wordvec_dim : int
        Size E of all vectors.
    num_heads : int
        A divisor of E.
    num_layers : int
        Number of blocks.
    max_length : int
        Largest number of words that are read.
    num_places : int
        Number P of places; 1 for features of shape (N, D).
    dtype : NumPy dtype
        Of the parameters; use float64 for gradient checks.

    Attributes
    ----------
    params : dict of ndarray

    Notes
    -----
    The blocks: Vaswani et al. (2017), "Attention is all you need". Attention to places of an image: Xu et al. (2015),
    "Show, attend and tell".
    """

    def __init__(
        self,
        word_to_idx,
        input_dim,
        wordvec_dim,
        num_heads=4,
        num_layers=2,
        max_length=50,
        num_places=1,
        dtype=np.float32,
    ):
        self.word_to_idx = word_to_idx
        self.idx_to_word = {index: word for word, index in word_to_idx.items()}
        self._null, self._start = word_to_idx["<NULL>"], word_to_idx["<START>"]
        self.num_heads, self.num_layers, self.max_length, self.num_places = (
            num_heads,
            num_layers,
            max_length,
            num_places,
        )
        self.dtype = dtype
        V, D, E = len(word_to_idx), input_dim, wordvec_dim
        params = {
            "W_proj": _drawn(D, E),
            "b_proj": np.zeros(E),
            "places": 0.02 * np.random.randn(num_places, E),
            "W_embed": 0.02 * np.random.randn(V, E),
        }
        for layer in range(1, num_layers + 1):
            params |= _block_params(f"block{layer}", E)
        params |= {"W_vocab": _drawn(E, V), "b_vocab": np.zeros(V)}
        self.params = {name: value.astype(dtype) for name, value in params.items()}
        self._positions = positional_encoding(max_length, E).astype(dtype)

    def scores(self, params, features, words):
        """Compute the scores of the next word after each word.

        Parameters
        ----------
        params : dict
            Nodes of a graph, or the arrays themselves.
        features : ndarray of shape (N, D) or (N, P, D)
        words : integer ndarray of shape (N, T)

        Returns
        -------
        Node or ndarray of shape (N, T, V)
        """
        features = features.reshape(len(features), self.num_places, -1).astype(self.dtype, copy=False)
        T = words.shape[1]
        memory = add_to_each(temporal_affine(features, params["W_proj"], params["b_proj"]), params["places"])
        x = add_to_each(word_embedding(words, params["W_embed"]), self._positions[:T])
        for layer in range(1, self.num_layers + 1):
            x = decoder_block(params, f"block{layer}", x, memory, self.num_heads, causal_mask(T))
        return temporal_affine(x, params["W_vocab"], params["b_vocab"])

    def loss(self, features, captions):
        """Compute the loss and the gradients of all parameters.

        Parameters
        ----------
        features : ndarray of shape (N, D) or (N, P, D)
        captions : integer ndarray of shape (N, T + 1)

        Returns
        -------
        loss : float
            Summed over the steps, averaged over the captions.
        grads : dict of ndarray
        """
        words_in, words_out = captions[:, :-1], captions[:, 1:]
        graph = Graph()
        params = {name: graph.variable(value) for name, value in self.params.items()}
        scores = self.scores(params, features, words_in)
        loss = temporal_softmax_loss(scores, words_out, words_out != self._null)
        return loss.value, graph.gradients(loss, params)

    def sample(self, features, max_length=30):
        """Write a caption for each image: at each step the word with the highest score, which is read next.

        Parameters
        ----------
        features : ndarray of shape (N, D) or (N, P, D)
        max_length : int
            Number of words, at most the largest number that the network reads.

        Returns
        -------
        captions : int32 ndarray of shape (N, max_length)
            The words after "<START>".
        """
        words = np.full((len(features), max_length + 1), self._null, dtype=np.int32)
        words[:, 0] = self._start
        for t in range(max_length):
            words[:, t + 1] = np.argmax(self.scores(self.params, features, words[:, : t + 1])[:, -1], axis=1)
        return words[:, 1:]


def _drawn(num_in, num_out):
    """Weights that keep the variance, of shape (num_in, num_out)."""
    return np.random.randn(num_in, num_out) / np.sqrt(num_in)


def _block_params(name, E):
    params = {}
    for attention in ("self", "cross"):
        for part in _ATTENTION:
            params[f"{name}_{attention}_{part}"] = _drawn(E, E) if part.startswith("W") else np.zeros(E)
    params |= {f"{name}_W1": _drawn(E, 4 * E), f"{name}_b1": np.zeros(4 * E)}
    params |= {f"{name}_W2": _drawn(4 * E, E), f"{name}_b2": np.zeros(E)}
    for i in (1, 2, 3):
        params |= {f"{name}_norm{i}_gamma": np.ones(E), f"{name}_norm{i}_beta": np.zeros(E)}
    return params
