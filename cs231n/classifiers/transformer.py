"""A Transformer that writes captions."""

import numpy as np

from cs231n.graph import Graph, layer
from cs231n.graph_layers import add_to_each, temporal_affine, temporal_softmax_loss, word_embedding
from cs231n.transformer_layers import (
    BLOCK_PARAMS,
    causal_mask,
    decoder_block_backward,
    decoder_block_forward,
    positional_encoding,
)


def _block_forward(x, memory, num_heads, mask, *weights):
    """A graph follows arrays, not a dict: here the weights come one by one, in the order of `BLOCK_PARAMS`."""
    return decoder_block_forward(x, memory, dict(zip(BLOCK_PARAMS, weights, strict=True)), num_heads, mask)


def _block_backward(dout, cache):
    dx, dmemory, grads = decoder_block_backward(dout, cache)
    return (dx, dmemory, *(grads[name] for name in BLOCK_PARAMS))


_block = layer(_block_forward, _block_backward, wrt=(0, 1, *range(4, 4 + len(BLOCK_PARAMS))))


def decoder_block(params, name, x, memory, num_heads, mask):
    """Compute a block of a decoder as a layer of a graph.

    Parameters
    ----------
    params : dict
        Nodes or arrays: the weights of `decoder_block_forward`, each under ``<name>_<its name>``.
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
    return _block(x, memory, num_heads, mask, *(params[f"{name}_{param}"] for param in BLOCK_PARAMS))


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
        self.num_heads, self.num_layers = num_heads, num_layers
        self.max_length, self.num_places = max_length, num_places
        self.dtype = dtype
        V, D, E = len(word_to_idx), input_dim, wordvec_dim
        params = {
            "W_proj": _drawn((D, E)),
            "b_proj": np.zeros(E),
            "places": 0.02 * np.random.randn(num_places, E),
            "W_embed": 0.02 * np.random.randn(V, E),
        }
        for i in range(1, num_layers + 1):
            params |= _block_params(f"block{i}", E)
        params |= {"W_vocab": _drawn((E, V)), "b_vocab": np.zeros(V)}
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
        ### BEGIN SOLUTION
        memory = add_to_each(temporal_affine(features, params["W_proj"], params["b_proj"]), params["places"])
        T = words.shape[1]
        x = add_to_each(word_embedding(words, params["W_embed"]), self._positions[:T])
        for i in range(1, self.num_layers + 1):
            x = decoder_block(params, f"block{i}", x, memory, self.num_heads, causal_mask(T))
        scores = temporal_affine(x, params["W_vocab"], params["b_vocab"])
        ### END SOLUTION
        return scores

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


def _drawn(shape):
    """Weights that keep the variance, of shape (num_in, num_out)."""
    return np.random.randn(*shape) / np.sqrt(shape[0])


def _block_params(name, E):
    """The first weights of a block: of variance 1 / (number of inputs); biases 0, gains 1."""
    shapes = {"W1": (E, 4 * E), "b1": (4 * E,), "W2": (4 * E, E)}
    params = {}
    for param in BLOCK_PARAMS:
        kind = param.split("_")[-1]
        shape = shapes.get(param, (E, E) if kind.startswith("W") else (E,))
        start = _drawn if kind.startswith("W") else np.ones if kind == "gamma" else np.zeros
        params[f"{name}_{param}"] = start(shape)
    return params
