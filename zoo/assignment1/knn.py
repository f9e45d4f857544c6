"""Implementations of the methods of the nearest-neighbour classifier, as learners write them."""

import warnings
from collections import Counter

import numpy as np

from zoo import right, slips, wrong

TWO, ONE, NO, VOTE = "knn_two_loops", "knn_one_loop", "knn_no_loops", "knn_predict_labels"


def _pair_by_pair(self, X, distance):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        for j in range(len(self.X_train)):
            dists[i, j] = distance(X[i], self.X_train[j])
    return dists


def _row_by_row(self, X, distances):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        dists[i] = distances(X[i], self.X_train)
    return dists


def _all_at_once(self, X, combine):
    """`combine` takes products (M, N) and squared norms of X (M,) and X_train (N,); the square root follows."""
    X = self._as_inputs(X)
    T = self.X_train
    squares = combine(X @ T.T, np.sum(X**2, axis=1), np.sum(T**2, axis=1))
    return np.sqrt(np.maximum(squares, 0))


def _vote(self, dists, k, choose):
    """`choose` takes a row of distances and k, and returns a label."""
    y_pred = np.zeros(len(dists), dtype=self.y_train.dtype)
    for i in range(len(dists)):
        y_pred[i] = choose(dists[i], k)
    return y_pred


# ---- two loops

NO_ROOT = "the square root is missing: these are squared distances"
L1 = "this is the L1 distance, the sum of absolute differences: square the differences, sum, then take the square root"
TRUNCATED = "the distances are truncated to integers: keep them as floats, np.zeros((M, N)) creates an array of floats"
WRAPPED = "this is computed in uint8, where 3 - 5 is 254 and squares wrap around at 256: keep the pixels as floats"


@wrong(TWO, NO_ROOT)
def two_loops_squared(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sum((a - b) ** 2))


@wrong(TWO, L1)
def two_loops_l1(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sum(np.abs(a - b)))


@wrong(TWO, "this is the square root of a sum of absolute differences: square the differences instead of np.abs")
def two_loops_root_of_abs(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum(np.abs(a - b))))


@wrong(TWO, "the differences are summed before they are squared, so they cancel: square each one, then sum")
def two_loops_sum_then_square(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum(a - b) ** 2))


@wrong(
    TWO, "the squared differences are averaged instead of summed: the distances are too small by a factor of sqrt(D)"
)
def two_loops_mean(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.mean((a - b) ** 2)))


@wrong(TWO, "the two rows are added instead of subtracted: a distance is computed from differences")
def two_loops_plus(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum((a + b) ** 2)))


@wrong(TWO, "this is the largest absolute difference, not the square root of the sum of squared differences")
def two_loops_largest(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.max(np.abs(a - b)))


@wrong(TWO, "this is the dot product, which is not a distance: it is large for two inputs in the same direction")
def two_loops_dot(self, X):
    return _pair_by_pair(self, X, np.dot)


@wrong(TWO, WRAPPED)
def two_loops_uint8(self, X):
    def distance(a, b):
        return np.sqrt(np.sum((a.astype(np.uint8) - b.astype(np.uint8)) ** 2))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # uint8 cannot represent -0.3
        return _pair_by_pair(self, X, distance)


@wrong(TWO, TRUNCATED)
def two_loops_whole(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum((a - b) ** 2))).astype(int)


@wrong(TWO, "the inputs are compared with one another: the second row of the pair is self.X_train[j], not X[j]")
def two_loops_own_rows(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        for j in range(len(self.X_train)):
            dists[i, j] = np.sqrt(np.sum((X[i] - X[j % len(X)]) ** 2))
    return dists


@wrong(TWO, "i and j are swapped: i is a row of X, j is a row of X_train, and dists[i, j] is their distance")
def two_loops_indices_swapped(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        for j in range(len(self.X_train)):
            dists[i, j] = np.sqrt(np.sum((X[j] - self.X_train[i]) ** 2))
    return dists


@wrong(
    TWO,
    "dists has a row for each training input: its shape should be (M, N), with a row for each input",
    rule="transposed",
)
def two_loops_transposed(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum((a - b) ** 2))).T


@wrong(
    TWO,
    "only the first row is filled: return belongs after the loops, not inside the outer one",
    rule="only the first row",
)
def two_loops_early_return(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        for j in range(len(self.X_train)):
            dists[i, j] = np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))
        return dists
    return dists


@wrong(
    TWO,
    "only the last row remains: create dists before the loop, not again in each iteration",
    rule="only the last row",
)
def two_loops_made_again(self, X):
    X = self._as_inputs(X)
    for i in range(len(X)):
        dists = np.zeros((len(X), len(self.X_train)))
        for j in range(len(self.X_train)):
            dists[i, j] = np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))
    return dists


@wrong(TWO, "only the first values are compared: the sum should run over all D of them, X[i] - X_train[j]")
def two_loops_some_columns(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum((a[:3] - b[:3]) ** 2)))


@wrong(TWO, "np.linalg.norm squares the differences itself: pass the differences, not their squares")
def two_loops_norm_of_squares(self, X):
    return _pair_by_pair(self, X, lambda x, t: np.linalg.norm((x - t) ** 2))


@right(TWO)
def two_loops_norm(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.linalg.norm(a - b))


@right(TWO)
def two_loops_dot_root(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.dot(a - b, a - b) ** 0.5)


@right(TWO)
def two_loops_third_loop(self, X):
    return _pair_by_pair(
        self, X, lambda a, b: sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5
    )


# ---- one loop


@wrong(ONE, NO_ROOT)
def one_loop_squared(self, X):
    return _row_by_row(self, X, lambda x, T: np.sum((T - x) ** 2, axis=1))


@wrong(ONE, L1)
def one_loop_l1(self, X):
    return _row_by_row(self, X, lambda x, T: np.sum(np.abs(T - x), axis=1))


@wrong(ONE, "the sum runs over axis 0, the training inputs: axis=1 sums over the D values of each of them")
def one_loop_axis_0(self, X):
    return _row_by_row(self, X, lambda x, T: np.sqrt(np.sum((T - x) ** 2, axis=0)))


@wrong(ONE, "axis=1 is missing in the sum: it returns a single number, which then fills the whole row of dists")
def one_loop_no_axis(self, X):
    return _row_by_row(self, X, lambda x, T: np.sqrt(np.sum((T - x) ** 2)))


@wrong(
    ONE, "the squared differences are averaged instead of summed: the distances are too small by a factor of sqrt(D)"
)
def one_loop_mean(self, X):
    return _row_by_row(self, X, lambda x, T: np.sqrt(np.mean((T - x) ** 2, axis=1)))


@wrong(ONE, "the differences are summed before they are squared, so they cancel: square each one, then sum")
def one_loop_sum_then_square(self, X):
    return _row_by_row(self, X, lambda x, T: np.sqrt(np.sum(T - x, axis=1) ** 2))


@wrong(ONE, WRAPPED)
def one_loop_uint8(self, X):
    def distances(x, T):
        return np.sqrt(np.sum((T.astype(np.uint8) - x.astype(np.uint8)) ** 2, axis=1))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # uint8 cannot represent -0.3
        return _row_by_row(self, X, distances)


@wrong(ONE, "X_train is modified in place (as -= does), so the next row is compared with different training inputs")
def one_loop_in_place(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        self.X_train -= X[i]
        dists[i] = np.sqrt(np.sum(self.X_train**2, axis=1))
    return dists


@wrong(ONE, "X[i] is compared with X_train[i] only: X_train - X[i] uses all rows of X_train")
def one_loop_one_training_row(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        dists[i] = np.sqrt(np.sum((self.X_train[i] - X[i]) ** 2))
    return dists


@wrong(ONE, "only the first row is filled: return belongs after the loop, not inside it", rule="only the first row")
def one_loop_early_return(self, X):
    X = self._as_inputs(X)
    dists = np.zeros((len(X), len(self.X_train)))
    for i in range(len(X)):
        dists[i] = np.sqrt(np.sum((self.X_train - X[i]) ** 2, axis=1))
        return dists
    return dists


@wrong(ONE, "dists is a single row: dists = ... replaces the whole matrix, dists[i] = ... fills one row")
def one_loop_row_alone(self, X):
    X = self._as_inputs(X)
    for i in range(len(X)):
        dists = np.sqrt(np.sum((self.X_train - X[i]) ** 2, axis=1))
    return dists


ONE_LEFT = (
    "there is still a loop over the training inputs, or compute_distances_two_loops is called: "
    "X_train - X[i] subtracts X[i] from all rows of X_train at once"
)


@wrong(ONE, ONE_LEFT, rule="there is still a loop over the training inputs")
def one_loop_with_two(self, X):
    return _row_by_row(self, X, lambda x, T: np.array([np.sqrt(np.sum((t - x) ** 2)) for t in T]))


@right(ONE)
def one_loop_norm(self, X):
    return _row_by_row(self, X, lambda x, T: np.linalg.norm(x - T, axis=1))


@right(ONE)
def one_loop_einsum(self, X):
    def distances(x, T):
        difference = T - x[np.newaxis, :]
        return np.einsum("nd,nd->n", difference, difference) ** 0.5

    return _row_by_row(self, X, distances)


@right(ONE)
def one_loop_over_training_columns(self, X):
    return _row_by_row(self, X, lambda x, T: np.sqrt(np.square(T.T - x[:, np.newaxis]).sum(axis=0)))


# ---- no loops


@wrong(NO, NO_ROOT)
def no_loops_squared(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    return np.maximum(np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ T.T + np.sum(T**2, axis=1), 0)


@wrong(NO, "the sign of the product is flipped: |x - t|^2 = |x|^2 - 2 x.t + |t|^2 (a plus belongs to |x + t|^2)")
def no_loops_plus(self, X):
    return _all_at_once(self, X, lambda p, x, t: x[:, np.newaxis] + 2 * p + t)


@wrong(NO, "the factor 2 of -2 x.t is missing")
def no_loops_without_2(self, X):
    return _all_at_once(self, X, lambda p, x, t: x[:, np.newaxis] - p + t)


@wrong(NO, "|x|^2 is missing: the squared norms of the inputs, one for each row of dists")
def no_loops_without_x(self, X):
    return _all_at_once(self, X, lambda p, x, t: t - 2 * p)


@wrong(NO, "|t|^2 is missing: the squared norms of the training inputs, one for each column of dists")
def no_loops_without_t(self, X):
    return _all_at_once(self, X, lambda p, x, t: x[:, np.newaxis] - 2 * p)


@wrong(NO, "|x|^2 runs along the wrong axis: there is one for each row of dists, so its shape must be (M, 1), not (M,)")
def no_loops_x_along_columns(self, X):
    return _all_at_once(self, X, lambda p, x, t: x - 2 * p + t)


@wrong(NO, "|t|^2 runs along the wrong axis: there is one for each column of dists, so its shape must stay (N,)")
def no_loops_t_along_rows(self, X):
    return _all_at_once(self, X, lambda p, x, t: x[:, np.newaxis] - 2 * p + t[:, np.newaxis])


@wrong(NO, "the two norms are swapped: |x|^2 belongs to the rows of dists, |t|^2 to its columns")
def no_loops_norms_swapped(self, X):
    return _all_at_once(self, X, lambda p, x, t: x - 2 * p + t[:, np.newaxis])


@wrong(NO, "the squares are summed over axis 0, the inputs: axis=1 sums over the D values of each of them")
def no_loops_axis_0(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = np.sum(X**2, axis=0)[:, np.newaxis] - 2 * X @ T.T + np.sum(T**2, axis=0)
    return np.sqrt(np.maximum(squares, 0))


@wrong(NO, "axis=1 is missing in the sums of squares: they return a single number for all inputs together")
def no_loops_no_axis(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    return np.sqrt(np.maximum(np.sum(X**2) - 2 * X @ T.T + np.sum(T**2), 0))


@wrong(NO, "the values are not squared: |x|^2 is np.sum(X**2, axis=1), not np.sum(X, axis=1)")
def no_loops_plain_sums(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = np.sum(X, axis=1)[:, np.newaxis] - 2 * X @ T.T + np.sum(T, axis=1)
    return np.sqrt(np.maximum(squares, 0))


@wrong(NO, "the sum is squared instead of the values: |x|^2 is np.sum(X**2, axis=1), not np.sum(X, axis=1)**2")
def no_loops_squared_sums(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = np.sum(X, axis=1)[:, np.newaxis] ** 2 - 2 * X @ T.T + np.sum(T, axis=1) ** 2
    return np.sqrt(np.maximum(squares, 0))


@right(NO, edge="NaN where an input equals a training input")
def no_loops_negative(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ T.T + np.sum(T**2, axis=1))


@wrong(NO, "dists is transposed: its shape should be (M, N), with a row for each input", rule="transposed")
def no_loops_transposed(self, X):
    return _all_at_once(self, X, lambda p, x, t: x[:, np.newaxis] - 2 * p + t).T


@wrong(NO, "X is multiplied by its own transpose: the dot products with the training inputs are X @ X_train.T")
def no_loops_own_products(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ X.T + np.sum(T**2, axis=1)
    return np.sqrt(np.maximum(squares, 0))


@wrong(NO, "X @ X_train needs the transpose of X_train: (M, D) @ (D, N)")
def no_loops_product_untransposed(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ T + np.sum(T**2, axis=1)
    return np.sqrt(np.maximum(squares, 0))


@wrong(NO, WRAPPED)
def no_loops_uint8(self, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # uint8 cannot represent -0.3
        X = self._as_inputs(X).astype(np.uint8)
        T = self.X_train.astype(np.uint8)
    squares = np.sum(X**2, axis=1)[:, np.newaxis] - 2.0 * (X @ T.T) + np.sum(T**2, axis=1)
    return np.sqrt(np.maximum(squares, 0))


@wrong(NO, "X is scaled before the distances are computed, but X_train is not")
def no_loops_half_scaled(self, X):
    X = self._as_inputs(X) / 255
    T = self.X_train
    squares = np.sum(X**2, axis=1)[:, np.newaxis] - 2 * X @ T.T + np.sum(T**2, axis=1)
    return np.sqrt(np.maximum(squares, 0))


LOOP_LEFT = (
    "there is still a loop (a comprehension counts, and so does a call of a version with loops): "
    "all dot products come from one matrix product, X @ X_train.T"
)


@wrong(NO, LOOP_LEFT, rule="there is still a loop")
def no_loops_with_one(self, X):
    return np.array([np.sqrt(np.sum((self.X_train - x) ** 2, axis=1)) for x in self._as_inputs(X)])


@wrong(NO, LOOP_LEFT, rule="there is still a loop")
def no_loops_with_two(self, X):
    return _pair_by_pair(self, X, lambda a, b: np.sqrt(np.sum((a - b) ** 2)))


@wrong(NO, LOOP_LEFT, rule="there is still a loop")
def no_loops_along_axis(self, X):
    X = self._as_inputs(X)
    return np.apply_along_axis(lambda x: np.sqrt(np.sum((self.X_train - x) ** 2, axis=1)), 1, X)


@wrong(
    NO,
    "an array of M x N x D differences (or of copies made by tile or repeat) is built; "
    "for 500 x 5,000 images it would take 61 GB: expand the square instead",
    rule="M x N x D",
)
def no_loops_three_axes(self, X):
    X = self._as_inputs(X)
    return np.sqrt(np.sum((X[:, np.newaxis, :] - self.X_train) ** 2, axis=2))


@right(NO)
def no_loops_direct(self, X):
    return _all_at_once(self, X, lambda p, x, t: x.reshape(-1, 1) + t.reshape(1, -1) - 2 * p)


@right(NO)
def no_loops_einsum(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    x, t = np.einsum("md,md->m", X, X), np.einsum("nd,nd->n", T, T)
    return np.sqrt(np.clip(np.add.outer(x, t) - 2 * np.dot(X, T.T), 0, None))


@right(NO)
def no_loops_abs(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    squares = (X * X).sum(axis=1, keepdims=True) + (T * T).sum(axis=1, keepdims=True).T + (-2 * X) @ T.T
    return np.abs(squares) ** 0.5


@right(NO)
def no_loops_longer_rows(self, X):
    X = self._as_inputs(X)
    T = self.X_train
    left = np.hstack([X, np.sum(X**2, axis=1, keepdims=True), np.ones((len(X), 1))])
    right_side = np.hstack([-2 * T, np.ones((len(T), 1)), np.sum(T**2, axis=1, keepdims=True)])
    return np.sqrt(np.maximum(left @ right_side.T, 0))


# ---- the vote


def _labels(self, row, k):
    return self.y_train[np.argsort(row, kind="stable")[:k]]


def _winner(labels):
    return np.argmax(np.bincount(labels))


@wrong(
    VOTE, "the farthest inputs vote: argsort puts the smallest distance first, so the neighbours are [:k], not [-k:]"
)
def vote_of_the_farthest(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(self.y_train[np.argsort(row)[-k:]]))


@wrong(VOTE, "k is ignored: only the nearest neighbour votes")
def vote_of_the_nearest(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: self.y_train[np.argmin(row)])


@wrong(VOTE, "this is the position of a neighbour instead of a label: look the labels up, self.y_train[nearest]")
def vote_returns_number(self, dists, k=1):
    return np.array([_winner(np.argsort(row)[:k]) for row in dists])


@wrong(
    VOTE, "this is the position of the winner among np.unique's labels: look the label up, labels[np.argmax(counts)]"
)
def vote_returns_position_among_labels(self, dists, k=1):
    counts = [np.unique(_labels(self, row, k), return_counts=True)[1] for row in dists]
    return np.array([np.argmax(count) for count in counts])


@wrong(VOTE, "the number of votes is returned instead of the label that has them: use argmax, not max")
def vote_returns_count(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: np.max(np.bincount(_labels(self, row, k))))


@wrong(VOTE, "in a tie the larger label is chosen; of labels with the same number of votes, the smaller one wins")
def vote_larger_label(self, dists, k=1):
    def choose(row, k):
        votes = np.bincount(_labels(self, row, k))
        return len(votes) - 1 - np.argmax(votes[::-1])

    return _vote(self, dists, k, choose)


@wrong(
    VOTE,
    "in a tie the label that comes first among the neighbours is chosen (as Counter.most_common does); "
    "of labels with the same number of votes, the smaller one wins",
)
def vote_nearest_in_tie(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: Counter(_labels(self, row, k).tolist()).most_common(1)[0][0])


@wrong(VOTE, "the label of the k-th neighbour is returned: count the k labels and return the most frequent one")
def vote_last_of_k(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _labels(self, row, k)[-1])


@wrong(
    VOTE,
    "the labels are averaged, but they are names: the mean of bird (2) and deer (4) is not cat (3); count the votes",
)
def vote_mean(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: int(np.round(np.mean(_labels(self, row, k)))))


@wrong(VOTE, "the median of the labels is returned, but labels are names without an order: count the votes")
def vote_median(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: int(np.median(_labels(self, row, k))))


@wrong(
    VOTE,
    "the smallest of the k labels is returned, whatever its votes: np.unique sorts labels, it does not rank them",
)
def vote_smallest_label(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: np.unique(_labels(self, row, k))[0])


@wrong(VOTE, "the nearest neighbour is left out: [1:k + 1] is right only if each input is itself a training input")
def vote_skips_first(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(self.y_train[np.argsort(row)[1 : k + 1]]))


@wrong(VOTE, "only k - 1 neighbours vote: [:k] takes k values, [:k - 1] takes one fewer")
def vote_k_minus_1(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(_labels(self, row, max(k - 1, 1))))


@wrong(VOTE, "k + 1 neighbours vote: [:k] takes k values, [:k + 1] takes one more")
def vote_k_plus_1(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(_labels(self, row, k + 1)))


@wrong(
    VOTE,
    "the first k labels of y_train vote instead of those of the nearest: y_train[nearest], with nearest from argsort",
)
def vote_of_the_first(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(self.y_train[:k]))


@wrong(
    VOTE,
    "all training inputs vote, so the most frequent label of y_train wins every time: only the k nearest should vote",
)
def vote_of_all(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: _winner(self.y_train))


@wrong(
    VOTE,
    "sorted distances are used as positions: np.argsort returns positions, np.sort returns the distances themselves",
)
def vote_sort_not_argsort(self, dists, k=1):
    def choose(row, k):
        return _winner(self.y_train[np.sort(row)[:k].astype(int) % len(row)])

    return _vote(self, dists, k, choose)


@wrong(VOTE, "columns are used instead of rows: the distances of input i are dists[i], not dists[:, i]")
def vote_down_columns(self, dists, k=1):
    y_pred = np.zeros(len(dists), dtype=self.y_train.dtype)
    for i in range(len(dists)):
        y_pred[i] = _winner(_labels(self, dists[:, i], k))
    return y_pred


@wrong(VOTE, "votes are weighted by the distances: here each of the k neighbours has exactly one vote")
def vote_weighted(self, dists, k=1):
    def choose(row, k):
        nearest = np.argsort(row)[:k]
        return np.argmax(np.bincount(self.y_train[nearest], weights=1 / row[nearest]))

    return _vote(self, dists, k, choose)


@wrong(VOTE, "the rows of dists are sorted in place, so argsort then returns 0, 1, 2, ...: use np.argsort alone")
def vote_sorts_in_place(self, dists, k=1):
    def choose(row, k):
        row.sort()
        return _winner(_labels(self, row, k))

    return _vote(self, dists, k, choose)


@wrong(VOTE, "distances of neighbours in dists are overwritten with inf: work on a copy of dists[i], or use np.argsort")
def vote_overwrites(self, dists, k=1):
    def choose(row, k):
        labels = []
        for _ in range(k):
            nearest = np.argmin(row)
            labels.append(self.y_train[nearest])
            row[nearest] = np.inf
        return _winner(labels)

    return _vote(self, dists, k, choose)


@wrong(VOTE, "only the first label is set: return belongs after the loop, not inside it", rule="only the first row")
def vote_early_return(self, dists, k=1):
    y_pred = np.zeros(len(dists), dtype=self.y_train.dtype)
    for i in range(len(dists)):
        y_pred[i] = _winner(_labels(self, dists[i], k))
        return y_pred
    return y_pred


@wrong(
    VOTE,
    "y_pred is a single label: y_pred = ... replaces the whole array, y_pred[i] = ... sets the label of input i",
)
def vote_one_label(self, dists, k=1):
    for i in range(len(dists)):
        y_pred = _winner(_labels(self, dists[i], k))
    return y_pred


@wrong(VOTE, "np.argmax of the labels is a position among the k neighbours: count the votes first")
def vote_argmax_of_labels(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: np.argmax(self.y_train[np.argsort(row)[:k]]))


@wrong(
    VOTE,
    "in a tie the order of a set or a dict decides; of labels with the same number of votes, the smaller one wins",
)
def vote_by_a_set(self, dists, k=1):
    def choose(row, k):
        near = [int(label) for label in self.y_train[np.argsort(row)[:k]]]
        counts = {label: near.count(label) for label in set(near)}
        return max(counts, key=counts.get)

    return _vote(self, dists, k, choose)


@wrong(VOTE, "the label in the middle of the sorted ones is returned: count the votes, labels have no order")
def vote_middle(self, dists, k=1):
    return _vote(self, dists, k, lambda row, k: sorted(_labels(self, row)[:k])[k // 2])


@right(VOTE)
def vote_by_unique(self, dists, k=1):
    def choose(row, k):
        labels, votes = np.unique(_labels(self, row, k), return_counts=True)
        return labels[np.argmax(votes)]

    return _vote(self, dists, k, choose)


@right(VOTE)
def vote_by_partition(self, dists, k=1):
    def choose(row, k):
        return _winner(self.y_train[np.argpartition(row, k - 1)[:k]])

    return _vote(self, dists, k, choose)


@right(VOTE)
def vote_by_counter(self, dists, k=1):
    def choose(row, k):
        votes = Counter(_labels(self, row, k).tolist())
        return min(votes, key=lambda label: (-votes[label], label))

    return _vote(self, dists, k, choose)


@right(VOTE)
def vote_at_once_in_floats(self, dists, k=1):
    labels = self.y_train[np.argsort(dists, axis=1)[:, :k]]  # (M, k)
    votes = np.sum(labels[:, :, np.newaxis] == np.arange(np.max(self.y_train) + 1), axis=1)  # (M, C)
    return np.argmax(votes, axis=1).astype(float)


@right(VOTE, edge="the k-th smallest is number k - 1, and there is no number N")
def vote_by_partition_at_k(self, dists, k=1):
    def choose(row, k):
        return _winner(self.y_train[np.argpartition(row, k)[:k]])

    return _vote(self, dists, k, choose)


@right(NO, edge="NaN where an input equals a training input")
def no_loops_in_one_line(self, X):
    squares = (np.square(rows).sum(axis=1) for rows in (X, self.X_train))
    with np.errstate(invalid="ignore"):
        return (np.add.outer(*squares) - 2 * np.dot(X, self.X_train.T)) ** 0.5


# ---- slips


slips(
    "knn_two_loops",
    (
        "only the first feature is compared: sum over all of them",
        "np.sum((X[i] - self.X_train[j]) ** 2)",
        "(X[i] - self.X_train[j])[0] ** 2",
    ),
    (
        "self.X_train[i] is used in the place of self.X_train[j]",
        "self.X_train[j]",
        "self.X_train[i % len(self.X_train)]",
    ),
    ("X[j] is used in the place of X[i]", "X[i]", "X[j % len(X)]"),
    (
        "the vectors are multiplied: subtract one from the other",
        "(X[i] - self.X_train[j]) ** 2",
        "X[i] * self.X_train[j]",
    ),
    ("the differences are cubed: the distance is the root of the sum of the squares", ") ** 2", ") ** 3"),
    (
        "the distances are squared twice, or their root is missing: take the root of the sum",
        "np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))",
        "np.sum((X[i] - self.X_train[j]) ** 2) ** 2",
    ),
    (
        "this is the square root of the distance: one root too many",
        "np.sqrt(np.sum",
        "np.sqrt(np.linalg.norm(X[i] - self.X_train[j]) + 0 * np.sum",
    ),
    (
        "a similarity is computed, exp of minus the distance: the distance itself is asked for",
        "np.sqrt(np.sum((X[i] - self.X_train[j]) ** 2))",
        "np.exp(-np.linalg.norm(X[i] - self.X_train[j]))",
    ),
)

slips(
    "knn_one_loop",
    ("the vectors are added: subtract X[i] from self.X_train", "self.X_train - X[i]", "self.X_train + X[i]"),
    (
        "the vectors are multiplied: subtract X[i] from self.X_train",
        "(self.X_train - X[i]) ** 2",
        "self.X_train * X[i]",
    ),
    ("the first input is used in every row: subtract X[i]", "- X[i]", "- X[0]"),
    (
        "the squares of the two sides are subtracted: square the differences",
        "(self.X_train - X[i]) ** 2",
        "np.abs(self.X_train**2 - X[i] ** 2)",
    ),
    (
        "the root is taken of the sum of the absolute differences: square the differences",
        "(self.X_train - X[i]) ** 2",
        "np.abs(self.X_train - X[i])",
    ),
    (
        "the largest difference counts alone: sum the squares of all of them",
        "np.sqrt(np.sum((self.X_train - X[i]) ** 2, axis=1))",
        "np.max(np.abs(self.X_train - X[i]), axis=1)",
    ),
    ("the differences are cubed: the distance is the root of the sum of the squares", ") ** 2", ") ** 3"),
    (
        "the differences are summed before they are squared, so they cancel",
        "np.sum((self.X_train - X[i]) ** 2, axis=1)",
        "np.sum(self.X_train - X[i], axis=1) ** 2",
    ),
    (
        "dists[i] is the squared distance, squared again: take the root of the sum",
        "np.sqrt(np.sum((self.X_train - X[i]) ** 2, axis=1))",
        "np.sum((self.X_train - X[i]) ** 2, axis=1) ** 2",
    ),
)

slips(
    "knn_no_loops",
    (
        "the norms of X are the squares of sums: square each entry first, then sum the row",
        'np.einsum("md,md->m", X, X)',
        "(X.sum(axis=1) ** 2)",
    ),
    (
        "the norms of X_train are the squares of sums: square each entry first, then sum the row",
        'np.einsum("nd,nd->n", self.X_train, self.X_train)',
        "(self.X_train.sum(axis=1) ** 2)",
    ),
    (
        "the norms of X are not squared: |x|^2 is the sum of the squares of a row",
        'np.einsum("md,md->m", X, X)',
        "np.linalg.norm(X, axis=1)",
    ),
    (
        "the norms of X_train are not squared: |t|^2 is the sum of the squares of a row",
        'np.einsum("nd,nd->n", self.X_train, self.X_train)',
        "np.linalg.norm(self.X_train, axis=1)",
    ),
    ("the sums of X are added: |x|^2 is the sum of the squares", 'np.einsum("md,md->m", X, X)', "X.sum(axis=1)"),
    (
        "the sums of X_train are added: |t|^2 is the sum of the squares",
        'np.einsum("nd,nd->n", self.X_train, self.X_train)',
        "self.X_train.sum(axis=1)",
    ),
    (
        "the squares are averaged instead of summed",
        'np.einsum("md,md->m", X, X)',
        "(X**2).mean(axis=1)",
        'np.einsum("nd,nd->n", self.X_train, self.X_train)',
        "(self.X_train**2).mean(axis=1)",
    ),
    ("the product is not squared away: the factor of x.t is -2, not -4", "dists *= -2", "dists *= -4"),
    (
        "the squared norms are summed over all rows: each row has its own",
        'np.einsum("md,md->m", X, X)',
        "np.full(len(X), np.sum(X * X))",
    ),
    (
        "the squared norms of X_train are summed over all rows: each row has its own",
        'np.einsum("nd,nd->n", self.X_train, self.X_train)',
        "np.sum(self.X_train * self.X_train)",
    ),
)

slips(
    "knn_predict_labels",
    (
        "the mean of the neighbours' labels is returned: return the label that most of them have",
        "y_pred[i] = labels[np.argmax(votes)]",
        "y_pred[i] = np.mean(self.y_train[nearest])",
    ),
    (
        "the label with the fewest votes is returned: use the largest number of votes",
        "np.argmax(votes)",
        "np.argmin(votes)",
    ),
    ("the largest of the neighbours' labels is returned, whatever its votes", "labels[np.argmax(votes)]", "labels[-1]"),
    (
        "the neighbours of the first input vote for all: use dists[i]",
        "nearest = near",
        "near = np.arange(dists.shape[1])\nnearest = near",
        "dists[i, near]",
        "dists[0, near]",
    ),
)
