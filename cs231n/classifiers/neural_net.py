"""A two-layer network in a single class with loss, training and prediction, without separate layers or a Solver.

It is the older form of `cs231n.classifiers.fc_net.TwoLayerNet`. Note two differences: the regularisation is
reg * sum(W^2), without the factor 0.5, so its gradient is 2 * reg * W; and inputs are rows of shape (D,).
"""

import numpy as np

from cs231n._errors import require_columns, require_labels, require_sizes, require_some, require_whole


class TwoLayerNet:
    """A network with one hidden layer: affine - ReLU - affine - softmax.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, the number of values in one input; H, the number of hidden units; C, the number of classes.
    std : float
        Standard deviation of the initial weights.

    Attributes
    ----------
    params : dict of ndarray
        W1 of shape (D, H), b1 of shape (H,), W2 of shape (H, C), b2 of shape (C,).
    """

    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        require_sizes(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        self.params = {
            "W1": std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }

    def loss(self, X, y=None, reg=0.0):
        """Compute the scores, or the loss and the gradients.

        Parameters
        ----------
        X : ndarray of shape (N, D)
        y : ndarray of shape (N,), optional
        reg : float

        Returns
        -------
        scores : ndarray of shape (N, C)
            If y is None.
        loss, grads : float, dict of ndarray
            Otherwise; grads has the keys and shapes of `params`.
        """
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        require_columns(X, W1.shape[0], name="X", other="W1")
        if y is not None:
            require_some(X, "X", "mean loss")
            require_labels(y, len(X), len(b2))
        ### BEGIN SOLUTION
        hidden = np.maximum(0, X @ W1 + b1)  # (N, D) @ (D, H) -> (N, H)
        scores = hidden @ W2 + b2  # (N, H) @ (H, C) -> (N, C)
        ### END SOLUTION
        if y is None:
            return scores

        grads = {}
        ### BEGIN SOLUTION
        rows = np.arange(len(X))
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -log_p[rows, y].mean() + reg * (np.sum(W1**2) + np.sum(W2**2))

        dscores = np.exp(log_p)
        dscores[rows, y] -= 1
        dscores /= len(X)
        grads["W2"] = hidden.T @ dscores + 2 * reg * W2  # (H, N) @ (N, C) -> (H, C)
        grads["b2"] = dscores.sum(axis=0)
        dhidden = (dscores @ W2.T) * (hidden > 0)  # (N, C) @ (C, H) -> (N, H)
        grads["W1"] = X.T @ dhidden + 2 * reg * W1  # (D, N) @ (N, H) -> (D, H)
        grads["b1"] = dhidden.sum(axis=0)
        ### END SOLUTION
        return loss, grads

    def train(
        self,
        X,
        y,
        X_val,
        y_val,
        learning_rate=1e-3,
        learning_rate_decay=0.95,
        reg=5e-6,
        num_iters=100,
        batch_size=200,
        verbose=False,
    ):
        """Train by stochastic gradient descent.

        Parameters
        ----------
        X, y : ndarrays of shape (N, D) and (N,)
            Training inputs and labels.
        X_val, y_val : ndarrays of shape (N_val, D) and (N_val,)
            Validation inputs and labels.
        learning_rate : float
        learning_rate_decay : float
            Factor that multiplies the learning rate after each epoch.
        reg : float
        num_iters : int
            Number of steps.
        batch_size : int
            Number of inputs in each step, drawn with replacement.
        verbose : bool
            Whether to print the loss every 100 steps.

        Returns
        -------
        dict of lists
            ``loss_history`` with one entry for each step; ``train_acc_history`` (on the batch of that step) and
            ``val_acc_history`` with one entry for the first step of each epoch.
        """
        require_labels(y, len(X), len(self.params["b2"]))
        require_labels(y_val, len(X_val), name="y_val")
        require_some(X, "X", "batch to train on")
        require_some(X_val, "X_val", "accuracy")
        require_whole("num_iters", num_iters, least=0)
        require_whole("batch_size", batch_size)
        iterations_per_epoch = max(len(X) // batch_size, 1)
        loss_history, train_acc_history, val_acc_history = [], [], []
        for step in range(num_iters):
            ### BEGIN SOLUTION
            batch = np.random.choice(len(X), batch_size)
            X_batch, y_batch = X[batch], y[batch]
            loss, grads = self.loss(X_batch, y_batch, reg)
            loss_history.append(loss)
            for name in self.params:
                self.params[name] -= learning_rate * grads[name]
            ### END SOLUTION
            if verbose and step % 100 == 0:
                print(f"iteration {step} / {num_iters}: loss {loss:f}")
            if step % iterations_per_epoch == 0:
                train_acc_history.append(np.mean(self.predict(X_batch) == y_batch))
                val_acc_history.append(np.mean(self.predict(X_val) == y_val))
                learning_rate *= learning_rate_decay
        return {
            "loss_history": loss_history,
            "train_acc_history": train_acc_history,
            "val_acc_history": val_acc_history,
        }

    def predict(self, X):
        """Predict the label of each input, the class with the highest score: ndarray of shape (N,) of int."""
        ### BEGIN SOLUTION
        y_pred = np.argmax(self.loss(X), axis=1)
        ### END SOLUTION
        return y_pred
