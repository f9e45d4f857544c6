"""The functions of Losses as learners write them."""

import numpy as np

from cs231n import metrics
from cs231n.rnn_layers import sigmoid
from zoo import right, slips, wrong

# ---- squared_hinge_loss

slips(
    "squared_hinge_loss",
    (
        "the margins are not squared: this is the loss of svm_loss, and here each margin counts by its square",
        "np.sum(margins**2)",
        "np.sum(margins)",
    ),
    (
        "the sum of the margins is squared: square each margin, then add them up",
        "np.sum(margins**2) / len(y)",
        "np.sum(margins.sum(axis=1) ** 2) / len(y)",
    ),
    (
        "the square comes before the maximum with 0, so that margins that are kept count as well",
        "np.maximum(0, scores - correct + 1)",
        "scores - correct + 1",
    ),
    (
        "the true class is compared with itself, which adds 1 for each row: its own margin is 0",
        "np.sum(margins**2) / len(y)",
        "(np.sum(margins**2) + len(y)) / len(y)",
    ),
    ("the margin of 1 is missing", "scores - correct + 1", "scores - correct"),
    (
        "the sign of the margin is wrong: it is the score minus that of the true class, plus 1",
        "scores - correct + 1",
        "correct - scores + 1",
    ),
    (
        "the gradient is that of the hinge loss, 1 for each violated margin: the square has a slope of twice the "
        "margin",
        "dscores = 2 * margins / len(y)",
        "dscores = (margins > 0).astype(scores.dtype) / len(y)",
    ),
    (
        "the factor 2 of the square's derivative is missing in the gradient",
        "dscores = 2 * margins / len(y)",
        "dscores = margins / len(y)",
    ),
    (
        "the gradient of the true class is missing: its score is part of every margin of the row",
        "-dscores.sum(axis=1)",
        "0",
    ),
    (
        "the true class has the wrong sign in the gradient: a higher score of its own lowers every margin",
        "-dscores.sum(axis=1)",
        "dscores.sum(axis=1)",
    ),
    (
        "the true class gets minus the number of violated margins in the gradient: it is minus the sum of the others",
        "-dscores.sum(axis=1)",
        "-np.sum(margins > 0, axis=1) / len(y)",
    ),
    (
        "the gradient is not divided by N, although the loss is a mean over the inputs",
        "dscores = 2 * margins / len(y)",
        "dscores = 2 * margins",
    ),
    (
        "the loss is a mean over all entries: it is a sum over the classes, and a mean over the inputs",
        "np.sum(margins**2) / len(y)",
        "np.mean(margins**2)",
    ),
)


@right("squared_hinge_loss")
def squared_hinge_by_loops(scores, y):
    """Pair by pair."""
    loss, dscores = 0.0, np.zeros(scores.shape)
    for i, true in enumerate(y):
        for j in range(scores.shape[1]):
            margin = float(scores[i, j]) - float(scores[i, true]) + 1
            if j != true and margin > 0:
                loss += margin**2
                dscores[i, j] += 2 * margin
                dscores[i, true] -= 2 * margin
    return loss / len(y), dscores / len(y)


@right("squared_hinge_loss")
def squared_hinge_by_one_hot(scores, y):
    """With a matrix of the true classes, and the gradient by einsum."""
    true = np.eye(scores.shape[1], dtype=scores.dtype)[y]
    margins = np.clip(scores - np.einsum("nc,nc->n", scores, true)[:, None] + 1 - true, 0, None) * (1 - true)
    d = margins * (2 / len(y))
    return np.einsum("nc,nc->", margins, margins) / len(y), d - true * d.sum(1, keepdims=True)


# ---- logistic_loss

slips(
    "logistic_loss",
    (
        "the sign of the margin is wrong: the loss grows where label and score disagree, exp(-y * s)",
        "np.logaddexp(0, -margins).mean()",
        "np.logaddexp(0, margins).mean()",
    ),
    (
        "the label is missing in the loss: the margin is y * s, not s alone",
        "np.logaddexp(0, -margins).mean()",
        "np.logaddexp(0, -scores).mean()",
    ),
    (
        "the loss is the sum over the inputs: it is their mean",
        "np.logaddexp(0, -margins).mean()",
        "np.logaddexp(0, -margins).sum()",
    ),
    (
        "the formula for labels 0 and 1 is used: here a no is -1, and the loss is log(1 + exp(-y * s))",
        "np.logaddexp(0, -margins).mean()",
        "np.mean(np.logaddexp(0, scores) - margins)",
    ),
    (
        "exp overflows for scores near 1000: np.logaddexp(0, -margins) is the same logarithm without this limit",
        "np.logaddexp(0, -margins).mean()",
        "np.log(1 + np.exp(-margins)).mean()",
    ),
    (
        "the logarithm is to base 2: use the natural one",
        "np.logaddexp(0, -margins).mean()",
        "np.logaddexp(0, -margins).mean() / np.log(2)",
    ),
    (
        "this is the hinge loss, the maximum of 0 and 1 minus the margin: the logistic one is log(1 + exp(-margin))",
        "np.logaddexp(0, -margins).mean()",
        "np.maximum(0, 1 - margins).mean()",
    ),
    (
        "the label is missing as a factor of the gradient: the chain rule goes through y * s",
        "-y * wrong / len(y)",
        "-wrong / len(y)",
    ),
    (
        "the gradient uses the probability of the right answer: what is right pulls least, 1 / (1 + exp(margin))",
        "-y * wrong / len(y)",
        "-y * (1 - wrong) / len(y)",
    ),
    (
        "the gradient is p - y, which belongs to labels 0 and 1: with -1 and 1 it is -y / (1 + exp(y * s))",
        "-y * wrong / len(y)",
        "(np.exp(-np.logaddexp(0, -scores)) - y) / len(y)",
    ),
    (
        "the sign is flipped: the gradient of a yes is negative, as a higher score lowers its loss",
        "-y * wrong / len(y)",
        "y * wrong / len(y)",
    ),
    (
        "the gradient is not divided by N, although the loss is a mean",
        "-y * wrong / len(y)",
        "-y * wrong",
    ),
)


@right("logistic_loss")
def logistic_by_the_sigmoid(scores, y):
    """With labels 0 and 1, and the larger of two numbers taken out of the exp."""
    one = (y + 1) / 2
    loss = np.mean(np.maximum(scores, 0) - scores * one + np.log1p(np.exp(-np.abs(scores))))
    return loss, (np.where(one > 0, -sigmoid(-scores), sigmoid(scores))) / len(scores)


@right("logistic_loss", edge="np.log1p and np.logaddexp keep its digits")
def logistic_with_a_plain_log(scores, y):
    """Without overflow, but 1 + exp(-margin) loses what is below the last digit of 1."""
    margins = y * scores
    small = np.exp(-np.abs(margins))
    return np.mean(np.maximum(-margins, 0) + np.log(1 + small)), -y * sigmoid(-margins) / len(y)


# ---- mean_squared_error

slips(
    "mean_squared_error",
    (
        "the squared errors are added up over each row, and only averaged over the rows: divide by N times M",
        "loss = np.mean(errors**2)",
        "loss = np.sum(errors**2) / len(errors)",
    ),
    ("the loss is halved: no factor of 1/2 is asked for", "np.mean(errors**2)", "np.mean(errors**2) / 2"),
    ("the root of the mean is taken: the loss is the mean itself", "np.mean(errors**2)", "np.sqrt(np.mean(errors**2))"),
    ("the errors are not squared: this is the mean absolute error", "np.mean(errors**2)", "np.mean(np.abs(errors))"),
    ("the mean is squared: square the errors first, then take the mean", "np.mean(errors**2)", "np.mean(errors) ** 2"),
    ("the sign is flipped: the error is the score minus the target", "2 * errors", "-2 * errors"),
    ("the factor 2 of the square's derivative is missing", "2 * errors", "errors"),
    (
        "the gradient is divided by N alone: the mean runs over N times M entries",
        "/ errors.size",
        "/ len(errors)",
    ),
    ("the gradient is not divided by the number of entries", "2 * errors / errors.size", "2 * errors"),
)


@right("mean_squared_error")
def squared_error_by_dot(scores, targets):
    """As one long vector."""
    error = np.ravel(scores) - np.ravel(targets)
    return error @ error / len(error), (error * (2 / len(error))).reshape(scores.shape)


# ---- softmax_forward


def _cached(probabilities):
    return probabilities, probabilities


@wrong(
    "softmax_forward",
    "exp overflows: first subtract from each row of scores its maximum",
    rule="not finite",
)
def forward_without_shift(scores):
    e = np.exp(scores)
    return _cached(e / e.sum(axis=1, keepdims=True))


@wrong(
    "softmax_forward",
    "all rows are shifted by one maximum, that of the whole array: rows far below it become 0 / 0. Each row has its "
    "own",
)
def forward_with_one_maximum(scores):
    e = np.exp(scores - scores.max())
    return _cached(e / e.sum(axis=1, keepdims=True))


@wrong(
    "softmax_forward",
    "the scores of a row are lowered by different numbers: take the maximum along axis 1, so that all of a row are "
    "lowered by the same",
)
def forward_with_maxima_of_columns(scores):
    e = np.exp(scores - scores.max(axis=0))
    return _cached(e / e.sum(axis=1, keepdims=True))


@wrong(
    "softmax_forward",
    "the minimum of each row is subtracted, and exp of the largest scores still overflows: subtract the maximum",
)
def forward_with_minima(scores):
    e = np.exp(scores - scores.min(axis=1, keepdims=True))
    return _cached(e / e.sum(axis=1, keepdims=True))


@wrong("softmax_forward", "the order is reversed: exp is taken of minus the scores, so the highest one gets the least")
def forward_of_minus_scores(scores):
    e = np.exp(scores.min(axis=1, keepdims=True) - scores)
    return _cached(e / e.sum(axis=1, keepdims=True))


@wrong(
    "softmax_forward",
    "an eps is added to the sum, and the rows no longer add up to 1: the sum is at least 1, so nothing is divided by 0",
    rule="a small constant",
)
def forward_with_epsilon(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return _cached(e / (e.sum(axis=1, keepdims=True) + 1e-6))


@wrong("softmax_forward", "all probabilities together add up to 1: it is each row that does, a sum along axis 1")
def forward_with_one_sum(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return _cached(e / e.sum())


@wrong("softmax_forward", "the columns add up to 1: the classes of a row are along axis 1")
def forward_along_the_wrong_axis(scores):
    e = np.exp(scores - scores.max(axis=0))
    return _cached(e / e.sum(axis=0))


@wrong("softmax_forward", "exp is missing: the shifted scores are divided by their sum")
def forward_without_exp(scores):
    shifted = scores - scores.min(axis=1, keepdims=True)
    return _cached(shifted / shifted.sum(axis=1, keepdims=True))


@wrong(
    "softmax_forward", "each score has a sigmoid of its own, so the rows do not add up to 1: the classes share one sum"
)
def forward_by_sigmoids(scores):
    return _cached(sigmoid(scores))


@wrong("softmax_forward", "these are the exponentials: divide each row by its sum")
def forward_not_normalised(scores):
    return _cached(np.exp(scores - scores.max(axis=1, keepdims=True)))


@wrong("softmax_forward", "these are the logarithms of the probabilities")
def forward_as_logarithms(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    return _cached(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


@wrong("softmax_forward", "scores is modified in place (scores -= ...): work on a new array", rule="in place")
def forward_in_place(scores):
    scores -= scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    return _cached(e / e.sum(axis=1, keepdims=True))


@right("softmax_forward")
def forward_by_rows(scores):
    """Row by row."""
    rows = []
    for row in scores:
        e = np.exp(row - row.max())
        rows.append(e / e.sum())
    return np.array(rows), None


@right("softmax_forward")
def forward_by_logarithms(scores):
    """The exponential of log p; it keeps the scores."""
    shifted = scores - scores.max(1)[:, None]
    return np.exp(shifted - np.logaddexp.reduce(shifted, axis=1, keepdims=True)), scores


# ---- softmax_backward

slips(
    "softmax_backward",
    (
        "only the derivative of a probability by its own score is used, p (1 - p): each score moves all of its row",
        "probabilities * (dout - mean)",
        "probabilities * (1 - probabilities) * dout",
    ),
    (
        "the mean of dout is not subtracted: raising one score lowers all the other probabilities of the row",
        "probabilities * (dout - mean)",
        "probabilities * dout",
    ),
    (
        "the mean of dout is a plain one: it is weighted by the probabilities of the row",
        "np.sum(probabilities * dout, axis=1, keepdims=True)",
        "np.mean(dout, axis=1, keepdims=True)",
    ),
    (
        "the sum of dout is not weighted: each entry counts as much as its probability",
        "np.sum(probabilities * dout, axis=1, keepdims=True)",
        "np.sum(dout, axis=1, keepdims=True)",
    ),
    (
        "the factor 1 - p is one too many: subtracting the mean of dout is all that is needed",
        "probabilities * (dout - mean)",
        "probabilities * (1 - probabilities) * (dout - mean)",
    ),
    (
        "the sum runs over the inputs, axis 0: it runs over the classes of each row, axis 1",
        "np.sum(probabilities * dout, axis=1, keepdims=True)",
        "np.sum(probabilities * dout, axis=0, keepdims=True)",
    ),
    (
        "one sum over the whole array is subtracted: each row has its own, along axis 1",
        "np.sum(probabilities * dout, axis=1, keepdims=True)",
        "np.sum(probabilities * dout)",
    ),
    (
        "the parentheses are missing: p multiplies the mean as well, p * (dout - mean)",
        "probabilities * (dout - mean)",
        "probabilities * dout - mean",
    ),
    (
        "the factor p in front is missing",
        "probabilities * (dout - mean)",
        "dout - mean",
    ),
    (
        "the sum is added: the other probabilities fall when one score rises, so it is subtracted",
        "(dout - mean)",
        "(dout + mean)",
    ),
    (
        "the mean of p * dout over the row is subtracted: it is their sum",
        "np.sum(probabilities * dout, axis=1, keepdims=True)",
        "np.mean(probabilities * dout, axis=1, keepdims=True)",
    ),
    (
        "the gradient is dout minus p, a formula for another question: softmax alone knows of no labels",
        "probabilities * (dout - mean)",
        "dout - probabilities",
    ),
)


@right("softmax_backward")
def backward_by_jacobians(dout, cache):
    """The matrix of all derivatives of each row, diag(p) - p p^T."""
    grads = [(np.diag(p) - np.outer(p, p)) @ d for p, d in zip(cache, dout, strict=True)]
    return np.array(grads)


@right("softmax_backward", beside={"cs231n.losses:softmax_forward": forward_by_logarithms})
def backward_with_the_scores(dout, cache):
    """The cache holds the scores."""
    p, _ = forward_by_logarithms(cache)
    return p * dout - p * np.einsum("nc,nc->n", p, dout)[:, None]


# ---- cross_entropy_forward

slips(
    "cross_entropy_forward",
    ("the minus sign is missing: the loss is the mean of -log(p) of the true classes", "-np.log", "np.log"),
    ("the sum over the inputs is taken: the loss is their mean", ".mean()", ".sum()"),
    (
        "all classes are summed up: only the probability of the true class counts, [rows, y]",
        "-np.log(probabilities[np.arange(len(y)), y]).mean()",
        "-np.log(probabilities).sum() / len(y)",
    ),
    (
        "the columns of the labels are taken whole, [:, y]: one entry of each row counts",
        "probabilities[np.arange(len(y)), y]",
        "probabilities[:, y]",
    ),
    (
        "the largest probability of each row is used: it is that of the true class, right or wrong, that counts",
        "probabilities[np.arange(len(y)), y]",
        "probabilities.max(axis=1)",
    ),
    (
        "the logarithm is missing",
        "-np.log(probabilities[np.arange(len(y)), y])",
        "-probabilities[np.arange(len(y)), y]",
    ),
    (
        "the logarithm of the mean is taken: first the logarithms, then their mean",
        "-np.log(probabilities[np.arange(len(y)), y]).mean()",
        "-np.log(probabilities[np.arange(len(y)), y].mean())",
    ),
    (
        "the logarithm is to base 2: use np.log, the natural one",
        "-np.log(",
        "-np.log2(",
    ),
    (
        "a small eps is added inside the logarithm, which changes every loss: take the logarithm of p itself",
        "probabilities[np.arange(len(y)), y])",
        "probabilities[np.arange(len(y)), y] + 1e-8)",
    ),
    (
        "softmax is applied once more: the rows are probabilities already",
        "-np.log(probabilities[np.arange(len(y)), y])",
        "-np.log((np.exp(probabilities) / np.exp(probabilities).sum(axis=1, keepdims=True))[np.arange(len(y)), y])",
    ),
)


@right("cross_entropy_forward")
def entropy_by_one_hot(probabilities, y):
    """A sum over all classes, of which all but the true one count 0; it caches the one-hot labels."""
    one_hot = np.eye(probabilities.shape[1])[y]
    return -(one_hot * np.log(probabilities)).sum() / len(y), (probabilities, one_hot)


@right("cross_entropy_forward", edge="a small number added to it")
def entropy_with_epsilon(probabilities, y):
    """A small number keeps the logarithm finite, and changes the loss of tiny probabilities."""
    return -np.log(probabilities[np.arange(len(y)), y] + 1e-15).mean(), (probabilities, y)


# ---- cross_entropy_backward

slips(
    "cross_entropy_backward",
    (
        "the entries of the true classes lack the upstream gradient dloss as a factor",
        "-dloss / (len(y) * probabilities[rows, y])",
        "-1 / (len(y) * probabilities[rows, y])",
    ),
    (
        "the gradient is not divided by N, although the loss is a mean",
        "-dloss / (len(y) * probabilities[rows, y])",
        "-dloss / probabilities[rows, y]",
    ),
    (
        "the minus sign is missing: a higher probability of the true class lowers the loss",
        "-dloss / (len(y)",
        "dloss / (len(y)",
    ),
    (
        "every class gets -1/p: only the true class of each row does, the others are 0",
        "dprobabilities[rows, y] = -dloss / (len(y) * probabilities[rows, y])",
        "dprobabilities[:] = -dloss / (len(y) * probabilities)",
    ),
    (
        "this is p minus 1 at the true class, the gradient of the scores: that of the probabilities is -1/p",
        "dprobabilities[rows, y] = -dloss / (len(y) * probabilities[rows, y])",
        "dprobabilities += dloss * probabilities / len(y)\ndprobabilities[rows, y] -= dloss / len(y)",
    ),
    (
        "each true class gets the same -1/N: the probability is missing, as the derivative of the logarithm is 1/p",
        "-dloss / (len(y) * probabilities[rows, y])",
        "-dloss / len(y)",
    ),
    (
        "an eps is added to p, which changes the gradient: divide by p itself",
        "(len(y) * probabilities[rows, y])",
        "(len(y) * (probabilities[rows, y] + 1e-6))",
    ),
    (
        "the true class gets -p: the derivative of the logarithm is 1/p",
        "-dloss / (len(y) * probabilities[rows, y])",
        "-dloss * probabilities[rows, y] / len(y)",
    ),
    (
        "the gradient is divided by all N times C entries: the loss is a mean over N inputs",
        "(len(y) * probabilities[rows, y])",
        "(probabilities.size * probabilities[rows, y])",
    ),
)


@right("cross_entropy_backward", beside={"cs231n.losses:cross_entropy_forward": entropy_by_one_hot})
def entropy_backward_by_one_hot(dloss, cache):
    """Its own cache holds the one-hot labels."""
    probabilities, one_hot = cache
    return -dloss * one_hot / probabilities / len(one_hot)


@right("cross_entropy_backward")
def entropy_backward_by_a_loop(dloss, cache):
    """Row by row, in float64."""
    probabilities, y = cache
    dp = np.zeros(probabilities.shape)
    for i, label in enumerate(y):
        dp[i, label] = -dloss / len(y) / probabilities[i, label]
    return dp


# ---- multi_label_loss

slips(
    "multi_label_loss",
    (
        "the loss is a mean over all entries: it is a sum over the labels, and a mean over the inputs",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "np.mean(weights * np.logaddexp(0, -margins))",
    ),
    (
        "the no-answers are missing in the loss: a no counts -log(1 - p)",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "np.sum(y * weights * np.logaddexp(0, -margins)) / len(y)",
    ),
    (
        "the minus sign is missing: as it stands, training would make the answers worse",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "-np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
    ),
    (
        "the weights are missing in the loss",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "np.sum(np.logaddexp(0, -margins)) / len(y)",
    ),
    (
        "the weights multiply both answers in the loss: a no counts 1",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "np.sum(positive_weights * np.logaddexp(0, -margins)) / len(y)",
    ),
    (
        "the loss divides by the sum of the weights: positive_weights changes what a yes counts, the mean stays one "
        "over N",
        "np.sum(weights * np.logaddexp(0, -margins)) / len(y)",
        "np.sum(weights * np.logaddexp(0, -margins)) / weights.sum() * y.shape[1]",
    ),
    (
        "the weights stand at the no-answers: positive_weights says what a yes counts, and a no counts 1",
        "np.where(y == 1, positive_weights, 1)",
        "np.where(y == 1, 1, positive_weights)",
    ),
    (
        "a no has the sign 0, and its score does not count: with labels 0 and 1, the sign is 2 y - 1",
        "signs = 2 * y - 1",
        "signs = y",
    ),
    (
        "exp overflows for scores near 1000: np.logaddexp(0, -margins) is the same logarithm without this limit",
        "np.logaddexp(0, -margins)",
        "np.log(1 + np.exp(-margins))",
    ),
    (
        "the weights are missing in the gradient",
        "-signs * weights * wrong / len(y)",
        "-signs * wrong / len(y)",
    ),
    (
        "the weights multiply both answers in the gradient: that of a no has the weight 1",
        "-signs * weights * wrong / len(y)",
        "-signs * positive_weights * wrong / len(y)",
    ),
    (
        "the weight multiplies y alone in p - y: of a yes, it multiplies the whole of p - 1",
        "-signs * weights * wrong / len(y)",
        "(np.exp(-np.logaddexp(0, -scores)) - weights * y) / len(y)",
    ),
    (
        "the sign is flipped: the gradient of a yes is negative, p - y and not y - p",
        "-signs * weights * wrong / len(y)",
        "signs * weights * wrong / len(y)",
    ),
    (
        "the gradient is not divided by N, although the loss is a mean over the inputs",
        "-signs * weights * wrong / len(y)",
        "-signs * weights * wrong",
    ),
)


@wrong(
    "multi_label_loss",
    "the labels share one softmax, so that only one of them can be sure: each label has a sigmoid of its own",
)
def labels_that_compete(scores, y, positive_weights=None):
    weights = np.where(y == 1, np.ones(scores.shape[1]) if positive_weights is None else positive_weights, 0)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dscores = (np.exp(log_p) * weights.sum(axis=1, keepdims=True) - weights) / len(y)
    return -np.sum(weights * log_p) / len(y), dscores


@right("multi_label_loss")
def labels_by_the_formula(scores, y, positive_weights=None):
    """Both logarithms, of p and of 1 - p, without loss of digits."""
    w = 1.0 if positive_weights is None else positive_weights
    log_yes, log_no = -np.logaddexp(0, -scores), -np.logaddexp(0, scores)
    loss = -np.sum(w * y * log_yes + (1 - y) * log_no) / len(y)
    return loss, ((1 - y) * sigmoid(scores) - w * y * sigmoid(-scores)) / len(y)


@right("multi_label_loss")
def labels_column_by_column(scores, y, positive_weights=None):
    """Each column is a logistic regression."""
    loss, columns = 0.0, []
    for k in range(scores.shape[1]):
        s, t = scores[:, k], y[:, k]
        w = np.where(t == 1, 1 if positive_weights is None else positive_weights[k], 1)
        loss += np.sum(w * (np.maximum(s, 0) - s * t + np.log1p(np.exp(-np.abs(s))))) / len(s)
        columns.append(w * np.where(t == 1, -sigmoid(-s), sigmoid(s)) / len(s))
    return loss, np.stack(columns, axis=1)


# ---- hamming_loss

slips(
    "hamming_loss",
    ("this is the share of right answers: the loss is that of wrong ones", "y_pred != y", "y_pred == y"),
    (
        "the whole number of wrong answers is returned: the loss is their share",
        "np.mean(y_pred != y)",
        "np.sum(y_pred != y)",
    ),
    (
        "a row counts as wrong if any of its labels is: every label counts for itself",
        "np.mean(y_pred != y)",
        "np.mean((y_pred != y).any(axis=1))",
    ),
    (
        "the wrong answers are divided by the number of inputs: there are K answers for each",
        "np.mean(y_pred != y)",
        "np.sum(y_pred != y) / len(y)",
    ),
    (
        "missed yes-answers alone are counted: a yes that should be a no is wrong as well",
        "np.mean(y_pred != y)",
        "np.mean((y == 1) & (y_pred == 0))",
    ),
    (
        "false alarms alone are counted: a no that should be a yes is wrong as well",
        "np.mean(y_pred != y)",
        "np.mean((y == 0) & (y_pred == 1))",
    ),
    (
        "where both say no is left out: right answers of no count among all, too",
        "np.mean(y_pred != y)",
        "np.sum(y_pred != y) / np.sum((y == 1) | (y_pred == 1))",
    ),
    (
        "the share is of the yes-answers of y: it is one of all answers",
        "np.mean(y_pred != y)",
        "np.sum(y_pred != y) / np.sum(y)",
    ),
    (
        "the differences cancel each other: a 1 too many makes up for a 1 too few",
        "np.mean(y_pred != y)",
        "abs(np.mean(y_pred * 1.0 - y))",
    ),
)


@right("hamming_loss")
def hamming_by_counting(y_pred, y):
    """With loops."""
    wrong_ones = sum(int(a != b) for row, true in zip(y_pred, y, strict=True) for a, b in zip(row, true, strict=True))
    return wrong_ones / y.size


@right("hamming_loss")
def hamming_by_products(y_pred, y):
    """Where both are 0 or both 1, the answer is right."""
    return 1 - np.mean(y_pred * y + (1 - y_pred) * (1 - y))


# ---- confusion_matrix

slips(
    "confusion_matrix",
    (
        "rows and columns are swapped: the row is the true class, the column the predicted one",
        "(y, y_pred)",
        "(y_pred, y)",
    ),
    (
        "a pair of classes that comes twice is counted once: confusion[y, y_pred] += 1 looks at each index once. Use "
        "np.add.at, or a loop",
        "np.add.at(confusion, (y, y_pred), 1)",
        "confusion[y, y_pred] += 1",
    ),
    (
        "only mistakes are counted: what is right belongs on the diagonal",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y_pred), y != y_pred)",
    ),
    (
        "only what is right is counted: mistakes belong beside the diagonal",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y), y == y_pred)",
    ),
    (
        "the rows hold shares: count, and divide where a share is wanted",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y_pred), 1)\nconfusion = confusion / np.maximum(1, confusion.sum(axis=1, "
        "keepdims=True))",
    ),
    (
        "the columns hold shares: count, and divide where a share is wanted",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y_pred), 1)\nconfusion = confusion / np.maximum(1, confusion.sum(axis=0))",
    ),
    (
        "the counts are divided by the number of inputs: leave them as counts",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y_pred), 1)\nconfusion = confusion / len(y)",
    ),
    (
        "the size follows from the largest label: it is num_classes, also if the last ones never occur",
        "np.add.at(confusion, (y, y_pred), 1)",
        "np.add.at(confusion, (y, y_pred), 1)\nsize = max(y.max(), y_pred.max()) + 1\nconfusion = confusion[:size, "
        ":size]",
    ),
)


@right("confusion_matrix")
def confusion_by_a_loop(y_pred, y, num_classes):
    """Input by input."""
    confusion = np.zeros((num_classes, num_classes))
    for true, predicted in zip(y, y_pred, strict=True):
        confusion[true, predicted] += 1
    return confusion


@right("confusion_matrix")
def confusion_by_bincount(y_pred, y, num_classes):
    """One number for each pair."""
    return np.bincount(num_classes * y + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)


@right("confusion_matrix")
def confusion_by_one_hot(y_pred, y, num_classes):
    """A product of one-hot matrices."""
    eye = np.eye(num_classes, dtype=int)
    return eye[y].T @ eye[y_pred]


# ---- precision_recall_f1

slips(
    "precision_recall_f1",
    (
        "precision divides by the number of truly j, as recall does: divide by how many are taken for j, a column",
        "_share(right, predicted), _share(right, true)",
        "_share(right, true), _share(right, true)",
    ),
    (
        "precision and recall are swapped: rows are the true classes, so their sums belong to recall",
        "_share(right, predicted), _share(right, true)",
        "_share(right, true), _share(right, predicted)",
    ),
    (
        "recall divides by all inputs: divide by the inputs that are truly j, a row",
        "_share(right, predicted), _share(right, true)",
        "_share(right, predicted), right / confusion.sum()",
    ),
    (
        "precision divides by all inputs: divide by the inputs that are taken for j, a column",
        "_share(right, predicted), _share(right, true)",
        "right / confusion.sum(), _share(right, true)",
    ),
    (
        "what is right is missing in the sums below: divide by the whole column, and by the whole row",
        "_share(right, predicted), _share(right, true)",
        "_share(right, predicted - right), _share(right, true - right)",
    ),
    (
        "F1 is the plain mean of precision and recall: it is the harmonic one, 2 P R / (P + R)",
        "f1 = _share(2 * right, true + predicted)",
        "f1 = (precision + recall) / 2",
    ),
    (
        "the factor 2 of F1 is missing",
        "f1 = _share(2 * right, true + predicted)",
        "f1 = _share(right, true + predicted)",
    ),
    (
        "F1 is the geometric mean of precision and recall: it is the harmonic one",
        "f1 = _share(2 * right, true + predicted)",
        "f1 = np.sqrt(precision * recall)",
    ),
    (
        "F1 is the product of precision and recall: it is 2 P R / (P + R)",
        "f1 = _share(2 * right, true + predicted)",
        "f1 = precision * recall",
    ),
    (
        "0 / 0 gives nan where a class is never predicted or never occurs: such a share is 0",
        "precision, recall = _share(right, predicted), _share(right, true)",
        "precision, recall = right / predicted, right / true",
    ),
    (
        "0 / 0 counts as 1: a share of nothing is 0 here",
        "precision, recall = _share(right, predicted), _share(right, true)",
        "precision, recall = (np.where(n > 0, right / np.maximum(n, 1), 1.0) for n in (predicted, true))",
    ),
)


@right("precision_recall_f1")
def shares_class_by_class(confusion):
    """With a loop, from true positives, false positives and misses."""
    found = []
    for j in range(len(confusion)):
        tp, taken, true = confusion[j, j], sum(confusion[:, j]), sum(confusion[j])
        p = tp / taken if taken else 0.0
        r = tp / true if true else 0.0
        found.append((p, r, 2 * p * r / (p + r) if tp else 0.0))
    return tuple(np.array(found).T)


@right("precision_recall_f1")
def shares_without_nan(confusion):
    """Divides, and mends nan afterwards."""
    right_ = np.einsum("ii->i", confusion).astype(float)
    with np.errstate(all="ignore"):
        p, r = (np.nan_to_num(right_ / np.einsum(axes, confusion)) for axes in ("ij->j", "ij->i"))
        return p, r, np.nan_to_num(2 * p * r / (p + r))


# ---- counts_by_threshold

slips(
    "counts_by_threshold",
    (
        "equal scores are read off one by one: they pass a threshold together, so only the last of them counts",
        "last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))",
        "last = np.arange(len(scores))",
    ),
    (
        "the first of equal scores is read off: those that pass with it are missing, so take the last one",
        "np.append(scores[1:] != scores[:-1], True)",
        "np.append(True, scores[1:] != scores[:-1])",
    ),
    (
        "the last threshold is missing: there is one pair of neighbours fewer than there are scores",
        "np.append(scores[1:] != scores[:-1], True)",
        "scores[1:] != scores[:-1]",
    ),
    (
        "the lowest score comes first: sort by -scores",
        'np.argsort(-scores, kind="stable")',
        'np.argsort(scores, kind="stable")',
    ),
    (
        "the answers are not sorted with the scores: both need the same order",
        "scores, y = scores[order], y[order]",
        "scores = scores[order]",
    ),
    (
        "the false positives are one too few: after the entry k, k + 1 inputs are taken for a yes",
        "last + 1 - true_positives",
        "last - true_positives",
    ),
    (
        "false_positives counts all inputs above the threshold: take away those that are a yes",
        "last + 1 - true_positives",
        "last + 1",
    ),
    (
        "false_positives counts what lies below the threshold: it counts the no-answers at or above it",
        "last + 1 - true_positives",
        "(len(y) - y.sum()) - (last + 1 - true_positives)",
    ),
    (
        "the lowest threshold comes first: the highest one does, and the counts grow",
        "false_positives = last + 1 - true_positives",
        "true_positives, last, thresholds = true_positives[::-1], last[::-1], thresholds[::-1]\n"
        "false_positives = last + 1 - true_positives",
    ),
    (
        "scores equal to the threshold are left out: an input is taken for a yes from the threshold on, >= and not >",
        "false_positives = last + 1 - true_positives",
        "true_positives = np.append(0, true_positives[:-1])\n"
        "false_positives = np.append(0, last[:-1] + 1) - true_positives",
    ),
    (
        "what lies at or below the threshold is taken for a yes: a yes has a score of at least the threshold",
        "true_positives = np.cumsum(y)[last]",
        "true_positives = np.array([np.sum(y[scores <= t]) for t in thresholds])",
        "last + 1 - true_positives",
        "np.array([np.sum(scores <= t) for t in thresholds]) - true_positives",
    ),
    (
        "false_positives counts the missed ones, a yes below the threshold: count each no at or above it",
        "last + 1 - true_positives",
        "y.sum() - true_positives",
    ),
    (
        "true positives are counted for each threshold alone: count all that lie at or above it",
        "true_positives = np.cumsum(y)[last]",
        "true_positives = np.diff(np.cumsum(y)[last], prepend=0)",
    ),
    (
        "rates are returned: what is asked for are counts",
        "false_positives = last + 1 - true_positives",
        "false_positives = (last + 1 - true_positives) / np.sum(y == 0)\ntrue_positives = true_positives / y.sum()",
    ),
)


@right("counts_by_threshold")
def counts_one_threshold_at_a_time(scores, y):
    """Threshold by threshold, as the definition says."""
    thresholds = np.array(sorted(set(scores.tolist()), reverse=True))
    taken = [scores >= threshold for threshold in thresholds]
    return thresholds, np.array([np.sum(t & (y == 1)) for t in taken]), np.array([np.sum(t & (y == 0)) for t in taken])


@right("counts_by_threshold")
def counts_by_unique(scores, y):
    """How many of each answer have each score, then added up from the top; the counts are floats."""
    values, which = np.unique(scores, return_inverse=True)
    yes = np.bincount(which.ravel(), weights=y, minlength=len(values))[::-1]
    no = np.bincount(which.ravel(), weights=1 - y, minlength=len(values))[::-1]
    return values[::-1], np.cumsum(yes), np.cumsum(no)


# ---- roc_area

slips(
    "roc_area",
    (
        "equal scores count in full, as with rectangles of the height on their right: they give slanted pieces, so use "
        "trapezoids",
        "(true_positive_rate[1:] + true_positive_rate[:-1]) / 2",
        "true_positive_rate[1:]",
    ),
    (
        "equal scores count nothing, as with rectangles of the height on their left: they give slanted pieces, so use "
        "trapezoids",
        "(true_positive_rate[1:] + true_positive_rate[:-1]) / 2",
        "true_positive_rate[:-1]",
    ),
    (
        "the heights are sums of two neighbours: a trapezoid's height is their mean",
        "(true_positive_rate[1:] + true_positive_rate[:-1]) / 2",
        "true_positive_rate[1:] + true_positive_rate[:-1]",
    ),
    (
        "the axes are swapped: false positives go to the right, true positives up",
        "heights = (true_positive_rate[1:]",
        "true_positive_rate, false_positive_rate = false_positive_rate, true_positive_rate\nheights = "
        "(true_positive_rate[1:]",
    ),
    (
        "the mean of the heights is taken, as if all steps were equally wide: weigh each by its width",
        "np.sum(np.diff(false_positive_rate) * heights)",
        "np.mean(heights)",
    ),
    (
        "this is twice the area minus 1, the Gini coefficient: return the area",
        "np.sum(np.diff(false_positive_rate) * heights)",
        "2 * np.sum(np.diff(false_positive_rate) * heights) - 1",
    ),
    (
        "an area below one half is turned round: scores that are worse than chance keep their area",
        "np.sum(np.diff(false_positive_rate) * heights)",
        "max(np.sum(np.diff(false_positive_rate) * heights), 1 - np.sum(np.diff(false_positive_rate) * heights))",
    ),
)


@wrong("roc_area", "this is the average precision, the area under another curve")
def area_under_precision(scores, y):
    return metrics.average_precision_score(scores, y)


@right("roc_area")
def area_by_pairs(scores, y):
    """The share of pairs of a yes and a no in which the yes has the higher score."""
    yes, no = scores[y == 1][:, None], scores[y == 0]
    return np.mean((yes > no) + 0.5 * (yes == no))


@right("roc_area")
def area_by_ranks(scores, y):
    """The statistic of Mann and Whitney; equal scores share their mean rank."""
    ranks = (scores[:, None] > scores).sum(1) + ((scores[:, None] == scores).sum(1) + 1) / 2
    num_yes = y.sum()
    return (ranks[y == 1].sum() - num_yes * (num_yes + 1) / 2) / (num_yes * (len(y) - num_yes))


# ---- weighted_softmax_loss

slips(
    "weighted_softmax_loss",
    (
        "the weighted losses are divided by N: a weighted mean is divided by the sum of the weights of the inputs",
        "class_weights[y] / class_weights[y].sum()",
        "class_weights[y] / len(y)",
    ),
    (
        "the sum of the weights runs over the classes: it runs over the inputs, class_weights[y]",
        "class_weights[y] / class_weights[y].sum()",
        "class_weights[y] / class_weights.sum()",
    ),
    (
        "the weights are not used in the loss",
        "-np.sum(shares * log_p[rows, y])",
        "-np.mean(log_p[rows, y])",
    ),
    (
        "the weights are divided by, not multiplied with: a large weight makes a class count more",
        "class_weights[y] / class_weights[y].sum()",
        "1 / class_weights[y] / (1 / class_weights[y]).sum()",
    ),
    (
        "the minus sign is missing: the loss is the weighted mean of -log(p)",
        "-np.sum(shares * log_p[rows, y])",
        "np.sum(shares * log_p[rows, y])",
    ),
    (
        "exp overflows: first subtract from each row of scores its maximum",
        "scores - scores.max(axis=1, keepdims=True)",
        "scores",
    ),
    (
        "the gradient is not weighted: each row counts as much as in the loss",
        "dscores *= shares[:, np.newaxis]",
        "dscores /= len(y)",
    ),
    (
        "the gradient weighs the columns: a row has the weight of its true class, in all of its columns",
        "dscores *= shares[:, np.newaxis]",
        "dscores *= class_weights / class_weights[y].sum()",
    ),
    (
        "the weighted gradient is divided by N: its rows have the shares of the loss, with the sum of the weights "
        "below",
        "dscores *= shares[:, np.newaxis]",
        "dscores *= class_weights[y][:, np.newaxis] / len(y)",
    ),
    (
        "the weighted gradient is not divided: its rows have the shares of the loss, with the sum of the weights below",
        "dscores *= shares[:, np.newaxis]",
        "dscores *= class_weights[y][:, np.newaxis]",
    ),
    (
        "the weight is subtracted at the true class, not 1: it multiplies all of p - one_hot(y)",
        "dscores[rows, y] -= 1  # p - one_hot(y)",
        "dscores[rows, y] -= class_weights[y]",
    ),
    (
        "a small number is added inside the logarithm, which changes the loss: take the logarithm of p itself",
        "-np.sum(shares * log_p[rows, y])",
        "-np.sum(shares * np.log(np.exp(log_p[rows, y]) + 1e-8))",
    ),
    (
        "1 is subtracted after the rows are weighted: p - one_hot(y) comes first, then the weights",
        "dscores[rows, y] -= 1  # p - one_hot(y)",
        "dscores *= shares[:, None]",
        "dscores *= shares[:, np.newaxis]",
        "dscores[rows, y] -= 1 / len(y)",
    ),
)


@wrong(
    "weighted_softmax_loss",
    "the scores are multiplied by the weights before softmax: the weights belong to the losses, one for each input",
)
def weighted_scores(scores, y, class_weights):
    weighted = scores * class_weights
    rows = np.arange(len(y))
    p = np.exp(weighted - weighted.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p * class_weights / len(y)


@right("weighted_softmax_loss")
def weighted_by_a_loop(scores, y, class_weights):
    """Row by row."""
    total = sum(float(class_weights[label]) for label in y)
    loss, dscores = 0.0, np.zeros(scores.shape)
    for i, label in enumerate(y):
        e = np.exp(scores[i].astype(float) - scores[i].max())
        p, w = e / e.sum(), class_weights[label] / total
        loss -= w * np.log(p[label])
        dscores[i] = w * p
        dscores[i, label] -= w
    return loss, dscores


@right("weighted_softmax_loss")
def weighted_by_one_hot(scores, y, class_weights):
    """A matrix of targets that carry the weights."""
    targets = np.eye(scores.shape[1])[y] * class_weights
    targets /= targets.sum()
    log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return -np.sum(targets * log_p), np.exp(log_p) * targets.sum(axis=1, keepdims=True) - targets
