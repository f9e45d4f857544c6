"""What to do next in a project: honest splits, the sources of an error, error analysis, and the choice of a model.

An error is the share of examples that a model gets wrong, from 0 to 1. A project has four sets: ``train`` and
``train_dev`` from the distribution that there is much data of, ``dev`` and ``test`` from the one that the model is for.

Source: Ng (2018), "Machine Learning Yearning", on which the names of the gaps and of the tables rest.
"""

import operator
from numbers import Real

import numpy as np

from cs231n._errors import nearest, require_dict, require_list, require_some, require_whole

SETS = ("train", "train_dev", "dev", "test")
SOURCES = ("avoidable bias", "variance", "data mismatch", "overfitting of dev")
COMPARISONS = {"<=": operator.le, ">=": operator.ge}


def split(y, sizes, seed=0, stratified=False):
    """Divide examples into parts at random, so that no example is in two parts.

    Parameters
    ----------
    y : ndarray of shape (N,)
        The label of each example.
    sizes : sequence of int
        The number of examples in each part; together at most N. What is left over is in no part.
    seed : int
        The same seed always gives the same parts, another seed gives others.
    stratified : bool
        Whether each class has the same share of each part as of all examples, as nearly as whole numbers allow.

    Returns
    -------
    list of ndarray
        The indices of the examples in each part.

    Raises
    ------
    ValueError
        If y is not a vector, a size is no integer of at least 0, or the sizes add up to more than N.

    Examples
    --------
    >>> train, val = split(np.array([0, 0, 0, 0, 1, 1]), (3, 3), seed=1, stratified=True)
    >>> sorted(np.concatenate([train, val]).tolist())
    [0, 1, 2, 3, 4, 5]
    >>> int(np.sum(train >= 4)), int(np.sum(val >= 4))  # one example of the rare class in each
    (1, 1)
    """
    y = np.asarray(y)
    _require_room("sizes", sizes, y)
    ### BEGIN SOLUTION
    order = np.random.RandomState(seed).permutation(len(y))
    if stratified:
        depth = np.zeros(len(y))  # how far each example lies into its own class, from 0 to 1
        for label in np.unique(y):
            mine = y[order] == label
            depth[mine] = (np.arange(mine.sum()) + 0.5) / mine.sum()
        order = order[np.argsort(depth, kind="stable")]  # now every stretch has all classes in proportion
    parts = np.split(order, np.cumsum(sizes))[: len(sizes)]
    ### END SOLUTION
    return parts


def project_split(y_source, y_target, num_train_dev, num_dev, num_test, seed=0, stratified=False):
    """Divide the data of a project into its four sets.

    The sets train and train_dev come from the source, and use all of it; dev and test come from the target, the
    distribution that the model is for.

    Parameters
    ----------
    y_source : ndarray of shape (N,)
        The labels of the plentiful data.
    y_target : ndarray of shape (M,)
        The labels of the data that the model is for.
    num_train_dev, num_dev, num_test : int
        The sizes of three sets; the training set has the other N - num_train_dev examples.
    seed : int
    stratified : bool
        As for `split`.

    Returns
    -------
    dict
        Indices into the source under "train" and "train_dev", indices into the target under "dev" and "test".

    Raises
    ------
    ValueError
        If there are fewer examples than are asked for, or none would be left to train on.

    Examples
    --------
    >>> sets = project_split(np.zeros(10, int), np.zeros(5, int), num_train_dev=3, num_dev=2, num_test=3)
    >>> {name: len(indices) for name, indices in sets.items()}
    {'train': 7, 'train_dev': 3, 'dev': 2, 'test': 3}
    """
    _require_room("num_train_dev", [num_train_dev], y_source)
    _require_room("num_dev and num_test", [num_dev, num_test], y_target)
    num_train = len(y_source) - num_train_dev
    require_whole("the number of examples left to train on", num_train)
    ### BEGIN SOLUTION
    train, train_dev = split(y_source, (num_train, num_train_dev), seed, stratified)
    dev, test = split(y_target, (num_dev, num_test), seed, stratified)
    ### END SOLUTION
    return {"train": train, "train_dev": train_dev, "dev": dev, "test": test}


def find_leaks(X, X_train):
    """Find the inputs that also occur in the training set, equal in every value.

    Parameters
    ----------
    X : ndarray of shape (N, d_1, ..., d_k)
        The inputs of a set that should be new to the model.
    X_train : ndarray of shape (M, d_1, ..., d_k)

    Returns
    -------
    boolean ndarray of shape (N,)
        Whether input i is equal to one of the training set.

    Raises
    ------
    ValueError
        If the inputs of the two sets have different shapes.

    Examples
    --------
    >>> find_leaks(np.array([[1, 2], [3, 4], [2, 1]]), np.array([[3, 4], [5, 6]]))
    array([False,  True, False])
    """
    X, X_train = np.asarray(X), np.asarray(X_train)
    if X.shape[1:] != X_train.shape[1:]:
        raise ValueError(
            f"X has inputs of shape {X.shape[1:]}, but X_train of {X_train.shape[1:]}: none can be equal. "
            "Is one of them flattened, or are its channels on another axis?"
        )
    ### BEGIN SOLUTION
    common = np.result_type(X, X_train)  # equal numbers have equal bytes in one type alone
    known = {x.tobytes() for x in X_train.astype(common)}
    is_leak = np.array([x.tobytes() in known for x in X.astype(common)], dtype=bool)
    ### END SOLUTION
    return is_leak


def error_sources(errors, best_error=0.0):
    """Compute what each step from the best possible error to the test error adds.

    Parameters
    ----------
    errors : dict of float
        The error on "train", "train_dev", "dev" and "test". Without "train_dev" all sets must come from one
        distribution: then there is no data mismatch, and the variance is the step from train to dev.
    best_error : float
        The error that cannot be avoided, such as that of careful people, or of the best model that is known.

    Returns
    -------
    dict of float
        "avoidable bias": from the best error to train; "variance": from train to train_dev, to new examples of the same
        distribution; "data mismatch": from train_dev to dev, to the other distribution; "overfitting of dev": from dev
        to test, to examples by which nothing was chosen. A gap is negative if the error falls. The four add up to the
        test error minus the best error.

    Raises
    ------
    ValueError
        If an error is missing, is not from 0 to 1, or has a name that is no set.

    Examples
    --------
    >>> errors = {"train": 0.25, "train_dev": 0.375, "dev": 0.625, "test": 0.75}
    >>> error_sources(errors, best_error=0.125)
    {'avoidable bias': 0.125, 'variance': 0.125, 'data mismatch': 0.25, 'overfitting of dev': 0.125}
    """
    _require_errors(errors)
    _require_share("best_error", best_error)
    ### BEGIN SOLUTION
    train_dev = errors.get("train_dev", errors["dev"])
    bias = errors["train"] - best_error
    variance = train_dev - errors["train"]
    mismatch = errors["dev"] - train_dev
    overfitting = errors["test"] - errors["dev"]
    ### END SOLUTION
    return dict(zip(SOURCES, (bias, variance, mismatch, overfitting), strict=True))


def gap_noise(errors, counts):
    r"""Compute how much each gap of `error_sources` would vary from one draw of the sets to the next.

    An error that is measured on n examples has the standard error :math:`\sqrt{e (1 - e) / n}`; the difference of two
    independent ones has the root of the sum of their squares. The best error counts as known.

    Parameters
    ----------
    errors : dict of float
        The error on "train", "train_dev", "dev" and "test".
    counts : dict of int
        The number of examples that each was measured on.

    Returns
    -------
    dict of float
        The standard error of each gap, under the names that `error_sources` uses. A gap of less than two of them is no
        evidence of anything.

    Raises
    ------
    ValueError
        If an error or a count is missing or out of range.

    Notes
    -----
    Mitchell (1997), "Machine learning", section 5.2. The training error is treated as if the model had not been fitted
    to the examples: with many of them this changes little.

    Examples
    --------
    >>> noise = gap_noise(dict.fromkeys(SETS, 0.2), {"train": 4000, "train_dev": 400, "dev": 400, "test": 100})
    >>> {name: round(value, 4) for name, value in noise.items()}
    {'avoidable bias': 0.0063, 'variance': 0.021, 'data mismatch': 0.0283, 'overfitting of dev': 0.0447}
    """
    _require_errors(errors, required=SETS)
    require_dict("counts", counts, SETS, '{"train": 2500, "train_dev": 1000, "dev": 1000, "test": 2000}')
    for name in SETS:
        require_whole(f'counts["{name}"]', counts.get(name))
    ### BEGIN SOLUTION
    train, train_dev, dev, test = (errors[name] * (1 - errors[name]) / counts[name] for name in SETS)  # variances
    bias, variance = np.sqrt(train), np.sqrt(train + train_dev)
    mismatch, overfitting = np.sqrt(train_dev + dev), np.sqrt(dev + test)
    ### END SOLUTION
    return dict(zip(SOURCES, (float(gap) for gap in (bias, variance, mismatch, overfitting)), strict=True))


def largest_source(sources, noise=None):
    """Name the largest gap, or say that none stands out of the noise.

    Parameters
    ----------
    sources : dict of float
        From `error_sources`.
    noise : dict of float, optional
        From `gap_noise`; without it every gap counts.

    Returns
    -------
    str
        A key of `sources`, or "none" if no gap is larger than two standard errors.

    Raises
    ------
    ValueError
        If a gap has no noise.

    Examples
    --------
    >>> largest_source({"avoidable bias": 0.02, "variance": 0.10})
    'variance'
    >>> largest_source({"avoidable bias": 0.02, "variance": 0.10}, {"avoidable bias": 0.003, "variance": 0.07})
    'avoidable bias'
    """
    if noise:
        require_dict("noise", noise, sources, "the one that gap_noise returns")
    certain = {name: gap for name, gap in sources.items() if gap > (2 * noise[name] if noise else 0)}
    return max(certain, key=certain.get, default="none")


def learning_curve(train_fn, data, sizes, seeds):
    """Measure the errors of models that are trained on more and more of the training set.

    For each seed, the examples are put into a random order, that of ``np.random.RandomState(seed).permutation(N)``. The
    training set of size n is the first n of them: the larger ones contain the smaller ones.

    Parameters
    ----------
    train_fn : callable
        ``train_fn(X, y, seed)`` trains a model on these examples and returns a function that takes inputs and returns
        the labels that the model predicts.
    data : dict of ndarray
        ``X_train``, ``y_train`` (N examples), ``X_val`` and ``y_val``.
    sizes : sequence of int
        From 1 to N.
    seeds : sequence of int
        One run for each of them, at each size.

    Returns
    -------
    train_errors, val_errors : ndarray of shape (len(sizes), len(seeds))
        The error on the examples that the model was trained on, and the error on all of ``X_val``.

    Raises
    ------
    ValueError
        If a size is out of range, there are no sizes or no seeds, or arrays are missing or differ in length.

    Examples
    --------
    >>> def most_frequent(X, y, seed):
    ...     return lambda inputs: np.full(len(inputs), np.bincount(y).argmax())
    >>> data = {"X_train": np.zeros((4, 1)), "y_train": np.array([0, 0, 0, 1])}
    >>> data |= {"X_val": np.zeros((2, 1)), "y_val": np.array([0, 1])}
    >>> learning_curve(most_frequent, data, sizes=[4], seeds=[0])
    (array([[0.25]]), array([[0.5]]))
    """
    _require_data(data)
    X, y = data["X_train"], data["y_train"]
    require_list("sizes", sizes)
    require_list("seeds", seeds)
    require_some(sizes, "sizes", "curve")
    require_some(seeds, "seeds", "curve")
    for size in sizes:
        require_whole("a size", size)
        if size > len(X):
            raise ValueError(f"a size is {size}, but there are {len(X)} training examples.")
    train_errors, val_errors = np.zeros((2, len(sizes), len(seeds)))
    ### BEGIN SOLUTION
    for j, seed in enumerate(seeds):
        order = np.random.RandomState(seed).permutation(len(X))
        for i, size in enumerate(sizes):
            chosen = order[:size]
            predict = train_fn(X[chosen], y[chosen], seed)
            train_errors[i, j] = np.mean(predict(X[chosen]) != y[chosen])
            val_errors[i, j] = np.mean(predict(data["X_val"]) != data["y_val"])
    ### END SOLUTION
    return train_errors, val_errors


def error_table(is_wrong, tags):
    """Sum up an error analysis: what each kind of example has to do with the errors.

    Parameters
    ----------
    is_wrong : boolean ndarray of shape (N,)
        Whether the model got each example wrong.
    tags : dict of boolean ndarray of shape (N,)
        For each tag, which examples have it. An example may have several tags, or none.

    Returns
    -------
    dict of dict of float
        A row for each tag, the one with the highest ceiling first. "share": of all errors, those with the tag; "error":
        of the examples with the tag, those that are wrong; "ceiling": by how much the error over all examples would
        fall if every error with the tag were put right. Share and error are 0 where they would be 0 / 0.

    Raises
    ------
    ValueError
        If there are no examples, or a tag has another length than is_wrong.

    Examples
    --------
    >>> is_wrong = np.array([True, True, True, False, False, False, False, False])
    >>> table = error_table(is_wrong, {"far": np.arange(8) >= 2, "fog": np.arange(8) < 4})
    >>> table["fog"]
    {'share': 1.0, 'error': 0.75, 'ceiling': 0.375}
    >>> list(table)
    ['fog', 'far']
    """
    is_wrong = _as_mask("is_wrong", is_wrong)
    require_some(is_wrong, "is_wrong", "share of errors")
    require_dict("tags", tags, (), '{"fog": array of True and False}')
    tags = {name: _as_mask(f'tags["{name}"]', tag, len(is_wrong)) for name, tag in tags.items()}
    ### BEGIN SOLUTION
    rows = {}
    for name, tag in tags.items():
        both = np.sum(is_wrong & tag)
        rows[name] = {
            "share": float(both / max(np.sum(is_wrong), 1)),
            "error": float(both / max(np.sum(tag), 1)),
            "ceiling": float(both / len(is_wrong)),
        }
    table = dict(sorted(rows.items(), key=lambda row: row[1]["ceiling"], reverse=True))
    ### END SOLUTION
    return table


def choose(models, optimise, satisfice=None):
    """Choose the model that is best by one metric, among those that are good enough by all others.

    Parameters
    ----------
    models : dict of dict of float
        For each model its metrics, by name.
    optimise : str
        The optimising metric; the highest value is the best.
    satisfice : dict of (str, float), optional
        The satisficing metrics, each with a comparison and a bound, such as ``{"milliseconds": ("<=", 10)}``. A value
        equal to the bound is good enough.

    Returns
    -------
    str or None
        The name of the model; of equally good ones the first. None if no model is good enough.

    Raises
    ------
    ValueError
        If there are no models, one lacks a metric, or a comparison is neither "<=" nor ">=".

    Examples
    --------
    >>> models = {"large": {"accuracy": 0.95, "ms": 80}, "small": {"accuracy": 0.91, "ms": 9}}
    >>> choose(models, "accuracy"), choose(models, "accuracy", {"ms": ("<=", 10)})
    ('large', 'small')
    """
    satisfice = satisfice or {}
    _require_metrics(models, {optimise, *satisfice})
    for metric, bound in satisfice.items():
        if not isinstance(bound, tuple | list) or len(bound) != 2:
            raise ValueError(f'satisfice["{metric}"] is {bound!r}, expected a comparison and a bound: ("<=", 10).')
        comparison = bound[0]
        if comparison not in COMPARISONS:
            raise ValueError(f'satisfice["{metric}"] compares by {comparison!r}, expected "<=" or ">=".')
    ### BEGIN SOLUTION
    good_enough = [
        name
        for name, metrics in models.items()
        if all(COMPARISONS[sign](metrics[metric], bound) for metric, (sign, bound) in satisfice.items())
    ]
    best = max(good_enough, key=lambda name: models[name][optimise], default=None)
    ### END SOLUTION
    return best


def _require_room(name, sizes, y):
    """Raise unless parts of these sizes can be taken of the examples with the labels `y`."""
    require_list(name, sizes)
    if np.ndim(y) != 1:
        raise ValueError(f"the labels have shape {np.shape(y)}, expected (N,): one label for each example.")
    for size in sizes:
        require_whole(f"each of {name}", size, least=0)
    if sum(sizes) > len(y):
        raise ValueError(f"{name} ask for {sum(sizes)} examples, but there are {len(y)}: make a part smaller.")


def _require_data(data):
    """Raise unless there are a training and a validation set, with a label for each example."""
    require_dict(
        "data", data, ("X_train", "y_train", "X_val", "y_val"), '{"X_train": ..., "y_train": ..., "X_val": ...}'
    )
    for name in ("train", "val"):
        num_examples, num_labels = len(data[f"X_{name}"]), len(data[f"y_{name}"])
        if num_examples != num_labels:
            raise ValueError(f"X_{name} has {num_examples} examples, but y_{name} has {num_labels} labels.")


def _require_errors(errors, required=("train", "dev", "test")):
    """Raise unless the required errors are there and all are shares from 0 to 1."""
    require_dict("errors", errors, (), '{"train": 0.1, "dev": 0.2, "test": 0.2}')
    for name in errors:
        if name not in SETS:
            raise ValueError(f'errors has "{name}"{nearest(name, SETS)}; the sets are {", ".join(SETS)}.')
    missing = [name for name in required if name not in errors]
    if missing:
        raise ValueError(f'errors has no "{missing[0]}": measure the error on {", ".join(required)}.')
    for name, error in errors.items():
        _require_share(f'errors["{name}"]', error)


def _require_share(name, error):
    if not isinstance(error, Real) or not 0 <= error <= 1:
        hint = " Divide a percentage by 100." if isinstance(error, Real) and 1 < error <= 100 else ""
        raise ValueError(f"{name} is {error!r}, expected a share from 0 to 1.{hint}")


def _as_mask(name, values, length=None):
    """The values as a vector of True and False; an error says which array is none."""
    values = np.asarray(values)
    if values.dtype != bool:
        raise TypeError(f"{name} has dtype {values.dtype}, expected True or False for each example: compare first.")
    if values.ndim != 1 or len(values) != (len(values) if length is None else length):
        wanted = "(N,)" if length is None else f"({length},), that of is_wrong"
        raise ValueError(f"{name} has shape {values.shape}, expected {wanted}.")
    return values


def _require_metrics(models, wanted):
    """Raise unless there are models and each has all metrics that are asked for."""
    require_dict("models", models, (), '{"small": {"accuracy": 0.9}}')
    require_some(list(models), "models", "best model")
    for name, metrics in models.items():
        for metric in sorted(wanted - metrics.keys()):
            hint = nearest(metric, metrics)
            raise ValueError(f'the model "{name}" has no metric "{metric}"{hint}; it has {", ".join(sorted(metrics))}.')
