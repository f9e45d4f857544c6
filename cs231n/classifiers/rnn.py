"""A recurrent network that writes captions."""

import numpy as np

from cs231n.rnn_layers import (
    affine_backward,
    affine_forward,
    lstm_backward,
    lstm_forward,
    lstm_step_forward,
    rnn_backward,
    rnn_forward,
    rnn_step_forward,
    temporal_affine_backward,
    temporal_affine_forward,
    temporal_softmax_loss,
    word_embedding_backward,
    word_embedding_forward,
)


class CaptioningRNN:
    """Write captions with a recurrent network or an LSTM.

    The image's features, through an affine layer, are the first hidden state. At each step the network reads a word and
    gives scores for the next one.

    Parameters
    ----------
    word_to_idx : dict
        Maps each of the V words to its index. "<NULL>" must be among them; "<START>" and "<END>" usually are.
    input_dim : int
        Size D of an image's features.
    wordvec_dim : int
        Size W of a word's vector.
    hidden_dim : int
        Size H of the hidden state.
    cell_type : 'rnn' or 'lstm'
    dtype : NumPy dtype
        Of the parameters; use float64 for gradient checks.

    Attributes
    ----------
    params : dict of ndarray
        W_embed (V, W), W_proj (D, H), b_proj (H,), Wx (W, kH), Wh (H, kH), b (kH,), W_vocab (H, V), b_vocab (V,), where
        k is 1 for 'rnn' and 4 for 'lstm'.

    Raises
    ------
    ValueError
        If cell_type is neither 'rnn' nor 'lstm'.

    Notes
    -----
    Karpathy and Fei-Fei (2015), "Deep visual-semantic alignments for generating image descriptions"; Vinyals et al.
    (2015), "Show and tell: a neural image caption generator".
    """

    def __init__(self, word_to_idx, input_dim=512, wordvec_dim=128, hidden_dim=128, cell_type="rnn", dtype=np.float32):
        if cell_type not in ("rnn", "lstm"):
            raise ValueError(f"cell_type is {cell_type!r}, expected 'rnn' or 'lstm'.")
        self.cell_type = cell_type
        self.dtype = dtype
        self.word_to_idx = word_to_idx
        self.idx_to_word = {index: word for word, index in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>")
        self._end = word_to_idx.get("<END>")
        V, D, W, H = len(word_to_idx), input_dim, wordvec_dim, hidden_dim
        blocks = {"rnn": 1, "lstm": 4}[cell_type]
        params = {
            "W_embed": np.random.randn(V, W) / 100,
            "W_proj": np.random.randn(D, H) / np.sqrt(D),
            "b_proj": np.zeros(H),
            "Wx": np.random.randn(W, blocks * H) / np.sqrt(W),
            "Wh": np.random.randn(H, blocks * H) / np.sqrt(H),
            "b": np.zeros(blocks * H),
            "W_vocab": np.random.randn(H, V) / np.sqrt(H),
            "b_vocab": np.zeros(V),
        }
        self.params = {name: value.astype(dtype) for name, value in params.items()}

    def loss(self, features, captions):
        """Compute the loss and the gradients of all parameters.

        Parameters
        ----------
        features : ndarray of shape (N, D)
        captions : integer ndarray of shape (N, T + 1)
            From "<START>" to "<END>", then "<NULL>". The network reads the first T words, and should say the last T.

        Returns
        -------
        loss : float
            Summed over the steps, averaged over the captions.
        grads : dict of ndarray
            With the keys and shapes of `params`.
        """
        run, run_back = {"rnn": (rnn_forward, rnn_backward), "lstm": (lstm_forward, lstm_backward)}[self.cell_type]
        p, grads = self.params, {}
        ### BEGIN SOLUTION
        words_in, words_out = captions[:, :-1], captions[:, 1:]
        mask = words_out != self._null  # what follows the end of a caption does not count
        h0, proj_cache = affine_forward(features, p["W_proj"], p["b_proj"])  # (N, D) -> (N, H)
        vectors, embed_cache = word_embedding_forward(words_in, p["W_embed"])  # (N, T) -> (N, T, W)
        h, run_cache = run(vectors, h0, p["Wx"], p["Wh"], p["b"])  # (N, T, W) -> (N, T, H)
        scores, vocab_cache = temporal_affine_forward(h, p["W_vocab"], p["b_vocab"])  # (N, T, H) -> (N, T, V)
        loss, dscores = temporal_softmax_loss(scores, words_out, mask)

        dh, grads["W_vocab"], grads["b_vocab"] = temporal_affine_backward(dscores, vocab_cache)
        dvectors, dh0, grads["Wx"], grads["Wh"], grads["b"] = run_back(dh, run_cache)
        grads["W_embed"] = word_embedding_backward(dvectors, embed_cache)
        _, grads["W_proj"], grads["b_proj"] = affine_backward(dh0, proj_cache)
        ### END SOLUTION
        return loss, grads

    def sample(self, features, max_length=30):
        """Write a caption for each image: at each step the word with the highest score, which is read next.

        Parameters
        ----------
        features : ndarray of shape (N, D)
        max_length : int
            Number of words; a caption does not stop at "<END>".

        Returns
        -------
        captions : int32 ndarray of shape (N, max_length)
            The words after "<START>".

        Raises
        ------
        ValueError
            If the vocabulary has no "<START>".
        """
        if self._start is None:
            raise ValueError('The vocabulary has no "<START>", the first word that is read.')
        p = self.params
        captions = np.full((len(features), max_length), self._null, dtype=np.int32)
        ### BEGIN SOLUTION
        h, _ = affine_forward(features, p["W_proj"], p["b_proj"])  # (N, D) -> (N, H)
        c = np.zeros_like(h)
        words = np.full(len(features), self._start)
        for t in range(max_length):
            vectors, _ = word_embedding_forward(words, p["W_embed"])  # (N,) -> (N, W)
            h, c = self._step(vectors, h, c)
            scores, _ = affine_forward(h, p["W_vocab"], p["b_vocab"])  # (N, H) -> (N, V)
            words = captions[:, t] = np.argmax(scores, axis=1)
        ### END SOLUTION
        return captions

    def _step(self, vectors, h, c):
        """Let the cell take one step: new hidden and cell states, both of shape (N, H); a plain RNN leaves c alone."""
        weights = [self.params[name] for name in ("Wx", "Wh", "b")]
        if self.cell_type == "rnn":
            h, _ = rnn_step_forward(vectors, h, *weights)
        else:
            ### BEGIN SOLUTION
            h, c, _ = lstm_step_forward(vectors, h, c, *weights)
            ### END SOLUTION
        return h, c
