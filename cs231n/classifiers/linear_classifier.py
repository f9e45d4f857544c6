"""Linear classifiers: scores X W, trained by stochastic gradient descent on the SVM or the softmax loss."""

import numpy as np

from cs231n._errors import require_columns, require_labels, require_some, require_whole
from cs231n._weights import load_weights, save_weights
from cs231n.classifiers.linear_svm import svm_loss_vectorized
from cs231n.classifiers.softmax import softmax_loss_vectorized

MOST_CLASSES = 1000  # with fewer training inputs than that; otherwise as many as there are inputs


class LinearClassifier:
    """A linear classifier; its subclasses `LinearSVM` and `Softmax` define the loss.

    Attributes
    ----------
    W : ndarray of shape (D, C) or None
        Weights; None until `train` has been called.
    """

    def __init__(self):
        self.W = None

    def train(self, X, y, learning_rate=1e-3, reg=1e-5, num_iters=100, batch_size=200, verbose=False):
        """Train by stochastic gradient descent, starting from the current W (or from small random weights).

        Parameters
        ----------
        X : ndarray of shape (N, D)
            Training inputs, one in each row, including the bias column if there is one.
        y : ndarray of shape (N,)
            Labels, integers from 0; the largest one determines the number of classes C.
        learning_rate, reg : float
        num_iters : int
            Number of steps.
        batch_size : int
            Number of inputs in each step, drawn with replacement.
        verbose : bool
            Whether to print the loss every 100 steps.

        Returns
        -------
        loss_history : list of float
            The loss on the batch of each step, before the update.
        """
        require_labels(y, len(X))
        require_some(X, "X", "batch to train on")
        require_whole("num_iters", num_iters, least=0)
        require_whole("batch_size", batch_size)
        if self.W is None:
            self.W = 0.001 * np.random.randn(X.shape[1], _number_of_classes(y))
        require_columns(X, self.W.shape[0], name="X", other="W")
        loss_history = []
        for step in range(num_iters):
            ### BEGIN SOLUTION
            batch = np.random.choice(len(X), batch_size)
            loss, dW = self.loss(X[batch], y[batch], reg)
            loss_history.append(loss)
            self.W -= learning_rate * dW
            ### END SOLUTION
            if verbose and step % 100 == 0:
                print(f"iteration {step} / {num_iters}: loss {loss:f}")
        return loss_history

    def predict(self, X):
        """Predict the label of each input: the class with the highest score.

        Parameters
        ----------
        X : ndarray of shape (N, D)

        Returns
        -------
        y_pred : ndarray of shape (N,) of int
        """
        if self.W is None:
            raise ValueError("There are no weights yet: call train(X, y) or load(fname) first.")
        require_columns(X, self.W.shape[0], name="X", other="W")
        ### BEGIN SOLUTION
        y_pred = np.argmax(X @ self.W, axis=1)  # (N, D) @ (D, C) -> (N, C) -> (N,)
        ### END SOLUTION
        return y_pred

    def loss(self, X_batch, y_batch, reg):
        """Compute the loss and its gradient; each subclass defines its own.

        Parameters
        ----------
        X_batch : ndarray of shape (N, D)
        y_batch : ndarray of shape (N,)
        reg : float

        Returns
        -------
        loss : float
        dW : ndarray of shape (D, C)
        """
        raise TypeError("LinearClassifier has no loss of its own: use LinearSVM or Softmax.")

    def save(self, fname):
        """Save the weights as cs231n/saved/<fname>, with the extension .npz.

        "best", "best.npy" and "best.npz" name the same file; all other dots belong to the name.
        """
        if self.W is None:
            raise ValueError("There are no weights yet: call train(X, y) first.")
        save_weights(fname, {"W": self.W})

    def load(self, fname):
        """Load weights that `save` wrote; return whether the file exists."""
        weights = load_weights(fname)
        if weights is None:
            return False
        if set(weights) != {"W"}:
            raise ValueError(f"{fname} contains {sorted(weights)}, expected W: it was saved by another kind of model.")
        self.W = weights["W"]
        return True


def _number_of_classes(y):
    """Return the number of classes of labels 0, 1, ...; a label such as a student number is refused."""
    num_classes = int(np.max(y)) + 1  # in uint8, 255 + 1 is 0
    if num_classes > max(MOST_CLASSES, len(y)):
        raise ValueError(
            f"y contains the label {num_classes - 1}, so W would need {num_classes} columns, one for each class. "
            "np.unique(y, return_inverse=True)[1] numbers the labels from 0 without gaps."
        )
    return num_classes


class LinearSVM(LinearClassifier):
    """A linear classifier with the multiclass SVM loss."""

    def loss(self, X_batch, y_batch, reg):
        """Compute the SVM loss and its gradient; see `svm_loss_vectorized`."""
        return svm_loss_vectorized(self.W, X_batch, y_batch, reg)


class Softmax(LinearClassifier):
    """A linear classifier with the softmax loss."""

    def loss(self, X_batch, y_batch, reg):
        """Compute the softmax loss and its gradient; see `softmax_loss_vectorized`."""
        return softmax_loss_vectorized(self.W, X_batch, y_batch, reg)
