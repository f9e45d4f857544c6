"""The k-nearest-neighbour classifier with Euclidean (L2) distance.

Cover and Hart (1967), "Nearest neighbor pattern classification".
"""

import numpy as np

from cs231n._errors import require_columns, require_finite, require_labels, require_whole
from cs231n._nearest import as_accurate_as_loops
from cs231n._precision import as_floats, widen


class KNearestNeighbor:
    """Classify an input by a vote among the k training inputs that are nearest to it.

    Ties are broken in the same way everywhere: of training inputs at equal distance, the earlier one counts as nearer;
    of labels with equally many votes, the smaller one wins.

    Examples
    --------
    >>> knn = KNearestNeighbor()
    >>> knn.train(np.array([[0.0], [1.0], [10.0]]), np.array([5, 5, 7]))
    >>> knn.predict(np.array([[2.0], [9.0]]))
    array([5, 7])
    """

    def train(self, X, y):
        """Store the training data; nearest neighbours need no other training.

        Parameters
        ----------
        X : ndarray of shape (N, D)
            N training inputs, one in each row.
        y : ndarray of shape (N,)
            Their labels, integers from 0.

        Raises
        ------
        ValueError
            If X contains nan or infinite values, or the shapes do not match.
        """
        require_labels(y, len(X))
        self.X_train = _as_float_rows(X)
        self.y_train = np.asarray(y)

    def predict(self, X, k=1, num_loops=0):
        """Predict the labels of inputs.

        Parameters
        ----------
        X : ndarray of shape (M, D)
        k : int
            How many neighbours vote.
        num_loops : {0, 1, 2}
            Which implementation computes the distances: the one with this number of loops.

        Returns
        -------
        ndarray of shape (M,)
        """
        distances = {
            0: self.compute_distances_no_loops,
            1: self.compute_distances_one_loop,
            2: self.compute_distances_two_loops,
        }
        if num_loops not in distances:
            raise ValueError(f"num_loops is {num_loops}, expected 0, 1 or 2: the number of loops over the inputs.")
        return self.predict_labels(distances[num_loops](X), k=k)

    def compute_distances_two_loops(self, X):
        """Compute the distance from every input to every training input, one pair at a time.

        Parameters
        ----------
        X : ndarray of shape (M, D)

        Returns
        -------
        dists : ndarray of shape (M, N)
            dists[i, j] is the Euclidean distance between X[i] and X_train[j].
        """
        X = self._as_inputs(X)
        dists = np.zeros((len(X), len(self.X_train)))
        for i in range(len(X)):
            for j in range(len(self.X_train)):
                ### BEGIN SOLUTION
                dists[i, j] = np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))
                ### END SOLUTION
        return dists

    def compute_distances_one_loop(self, X):
        """Compute the same distances one row at a time; see `compute_distances_two_loops`."""
        X = self._as_inputs(X)
        dists = np.zeros((len(X), len(self.X_train)))
        for i in range(len(X)):
            ### BEGIN SOLUTION
            dists[i] = np.sqrt(np.sum((self.X_train - X[i]) ** 2, axis=1))  # (N, D) - (D,) -> (N, D) -> (N,)
            ### END SOLUTION
        return dists

    @as_accurate_as_loops
    def compute_distances_no_loops(self, X):
        """Compute the same distances all at once; see `compute_distances_two_loops`.

        |x - t|^2 = |x|^2 - 2 x.t + |t|^2, and all dot products x.t together are one matrix product. No array larger
        than dists is needed. `as_accurate_as_loops` sees to the rounding where two inputs are nearly equal.
        """
        X = self._as_inputs(X)
        ### BEGIN SOLUTION
        dists = X @ self.X_train.T  # (M, D) @ (D, N) -> (M, N)
        dists *= -2
        # einsum sums the squares of each row without an array of all the squares
        dists += np.einsum("md,md->m", X, X)[:, np.newaxis]  # (M, 1): one value for each row of dists
        dists += np.einsum("nd,nd->n", self.X_train, self.X_train)  # (N,): one value for each column
        np.maximum(dists, 0, out=dists)  # rounding can leave -1e-9 where the distance is 0
        np.sqrt(dists, out=dists)
        ### END SOLUTION
        return dists

    def predict_labels(self, dists, k=1):
        """Let the k nearest training inputs vote on the label of each input.

        Parameters
        ----------
        dists : ndarray of shape (M, N)
            dists[i, j] is the distance between input i and training input j.
        k : int

        Returns
        -------
        y_pred : ndarray of shape (M,)
            The label with the most votes; the smaller label wins a tie.
        """
        require_whole("k", k)
        require_finite(dists, "dists", infinite=True)
        if k > len(self.y_train):
            raise ValueError(f"k is {k}; it must be between 1 and {len(self.y_train)}, the number of training inputs.")
        y_pred = np.zeros(len(dists), dtype=self.y_train.dtype)
        for i in range(len(dists)):
            ### BEGIN SOLUTION
            limit = np.partition(dists[i], k - 1)[k - 1]  # the k-th smallest distance, without a full sort
            near = np.flatnonzero(dists[i] <= limit)  # in training order; more than k if distances are equal
            nearest = near[np.argsort(dists[i, near], kind="stable")[:k]]
            labels, votes = np.unique(self.y_train[nearest], return_counts=True)  # in ascending order
            y_pred[i] = labels[np.argmax(votes)]  # the first maximum: the smallest of the labels with the most votes
            ### END SOLUTION
        return y_pred

    def _as_inputs(self, X):
        if not hasattr(self, "X_train"):
            raise ValueError("There is no training data yet: call train(X, y) first.")
        X = _as_float_rows(X)
        require_columns(X, self.X_train.shape[1], name="X", other="the training data")
        return X


def _as_float_rows(X):
    """Convert X to floating point: in uint8, the dtype of pixels, 3 - 5 is 254."""
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X has shape {X.shape}, expected (N, D): X.reshape(len(X), -1) turns each image into a row.")
    require_finite(X, "X")
    return as_floats(widen(X))
