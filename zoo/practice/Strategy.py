"""Implementations of Strategy's functions as learners write them."""

import numpy as np

from cs231n import strategy
from zoo import right, slips, wrong

# ---- split

slips(
    "split",
    (
        "the examples are not shuffled: the data are often sorted by class or by date",
        "np.random.RandomState(seed).permutation(len(y))",
        "np.arange(len(y))",
    ),
    (
        "the seed is always the same: use the argument seed",
        "RandomState(seed)",
        "RandomState(0)",
    ),
    (
        "examples are drawn with replacement, so some are in two parts: put each into the random order once",
        "np.random.RandomState(seed).permutation(len(y))",
        "np.random.RandomState(seed).randint(len(y), size=len(y))",
    ),
    (
        "the sizes are not the places where to cut: the places are their running sums",
        "np.cumsum(sizes))[: len(sizes)]",
        "sizes)[: len(sizes)]",
    ),
    (
        "the examples that are left over are returned as one more part",
        "[: len(sizes)]",
        "",
    ),
    (
        "stratified has no effect",
        "if stratified:",
        "if False:",
    ),
    (
        "the examples are sorted by class: each part then has few classes; sort them by their depth in the class",
        'np.argsort(depth, kind="stable")',
        'np.argsort(y[order], kind="stable")',
    ),
    (
        "the depth is not divided by the size of the class: the rare classes then all go into the first part",
        "depth[mine] = (np.arange(mine.sum()) + 0.5) / mine.sum()",
        "depth[mine] = np.arange(mine.sum())",
    ),
    (
        "each part begins at example 0 of the order: it begins where the one before it ends",
        "np.split(order, np.cumsum(sizes))[: len(sizes)]",
        "[order[:size] for size in sizes]",
    ),
    (
        "the labels of the examples are returned: return their indices",
        "np.split(order, np.cumsum(sizes))[: len(sizes)]",
        "[y[part] for part in np.split(order, np.cumsum(sizes))[: len(sizes)]]",
    ),
    (
        "the class is looked up in the unshuffled labels: use y[order], the labels in the random order",
        "mine = y[order] == label",
        "mine = y == label",
    ),
    (
        "the places in the sorted order are returned: order[...] turns them back into indices of examples",
        'order[np.argsort(depth, kind="stable")]',
        'np.argsort(depth, kind="stable")',
    ),
    (
        "the last part gets what is left over: the last cut comes after it, so it is in np.cumsum(sizes), too",
        "np.cumsum(sizes))[: len(sizes)]",
        "np.cumsum(sizes)[:-1])",
    ),
)


_UNSEEDED = np.random.RandomState(0)  # with a seed of its own, so that the stored answers are the same each time


@wrong(
    "split",
    "the random order does not depend on seed: make a generator of your own with it, np.random.RandomState(seed)",
    rule="does not depend on seed",
)
def split_without_seed(y, sizes, seed=0, stratified=False):
    return _dealt(_UNSEEDED.permutation(len(y)), y, sizes, stratified)


@wrong("split", "each part is drawn from all examples, so parts overlap: draw it from those that are left")
def split_part_by_part(y, sizes, seed=0, stratified=False):
    rng = np.random.RandomState(seed)
    return [_dealt(rng.permutation(len(y)), y, [size], stratified)[0] for size in sizes]


@wrong("split", "each class gets the same number in each part: stratified parts keep the shares of the classes")
def split_balanced(y, sizes, seed=0, stratified=False):
    order = np.random.RandomState(seed).permutation(len(y))
    if not stratified:
        return _dealt(order, y, sizes, False)
    labels = np.unique(y)
    queues = {label: list(order[y[order] == label]) for label in labels}
    parts = []
    for size in sizes:
        part = []
        while len(part) < size:
            part += [queues[label].pop() for label in labels if queues[label] and len(part) < size]
        parts.append(np.array(part))
    return parts


@wrong("split", "int() cuts off, and 0.3 * 180 may come out as 53.99...: sort by the depth, or round")
def split_with_shares_cut_off(y, sizes, seed=0, stratified=False):
    rng = np.random.RandomState(seed)
    if not stratified:
        return _dealt(rng.permutation(len(y)), y, sizes, False)
    left = {label: rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)}
    parts = []
    for size in sizes:
        part = []
        for label in left:
            number = int(size * np.mean(y == label))
            part.append(left[label][:number])
            left[label] = left[label][number:]
        parts.append(np.concatenate(part))
    return parts


def _dealt(order, y, sizes, stratified):
    """Cut an order into parts; if stratified, after sorting it by the depth in the class."""
    if stratified:
        order = order[sorted(range(len(order)), key=_depths(y[order]).__getitem__)]
    ends = np.cumsum(sizes)
    return [order[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _depths(y):
    """How far each example lies into its own class."""
    seen, depths = dict.fromkeys(np.unique(y), 0), []
    for label in y:
        seen[label] += 1
        depths.append((seen[label] - 0.5) / np.sum(y == label))
    return depths


@right("split")
def split_by_loops(y, sizes, seed=0, stratified=False):
    return _dealt(np.random.RandomState(seed).permutation(len(y)), np.asarray(y), sizes, stratified)


@right("split")
def split_with_a_new_generator(y, sizes, seed=0, stratified=False):
    return _dealt(np.random.default_rng(seed).permutation(len(y)), np.asarray(y), sizes, stratified)


@right("split", edge="sizes are exact")
def split_class_by_class(y, sizes, seed=0, stratified=False):
    """The share of each class is rounded, so that the sizes may be off where it does not come out even."""
    rng = np.random.RandomState(seed)
    if not stratified:
        return _dealt(rng.permutation(len(y)), y, sizes, False)
    parts = [[] for _ in sizes]
    for label in np.unique(y):
        left = mine = list(rng.permutation(np.flatnonzero(y == label)))
        for part, size in zip(parts, sizes, strict=True):
            number = round(len(mine) * size / len(y))
            part += left[:number]
            left = left[number:]
    return [np.array(part) for part in parts]


@right("split", edge="a generator of its own")
def split_by_the_global_seed(y, sizes, seed=0, stratified=False):
    np.random.seed(seed)
    indices = np.arange(len(y))
    np.random.shuffle(indices)
    return _dealt(indices, np.asarray(y), sizes, stratified)


# ---- project_split

slips(
    "project_split",
    (
        "train_dev is taken from the target: it comes from the source, so that it is new but of the same distribution",
        "train, train_dev = split(y_source, (num_train, num_train_dev), seed, stratified)",
        "train = split(y_source, (num_train,), seed, stratified)[0]",
        "dev, test = split(y_target, (num_dev, num_test), seed, stratified)",
        "dev, test, train_dev = split(\n"
        "    y_target, (num_dev, num_test, min(num_train_dev, len(y_target) - num_dev - num_test)), seed, stratified\n"
        ")",
    ),
    (
        "train and train_dev are swapped",
        "train, train_dev = split(y_source, (num_train, num_train_dev)",
        "train_dev, train = split(y_source, (num_train, num_train_dev)",
    ),
    (
        "dev and test are swapped",
        "dev, test = split(y_target, (num_dev, num_test)",
        "test, dev = split(y_target, (num_dev, num_test)",
    ),
    (
        "dev and test are the same examples: split the target once, into two parts",
        "dev, test = split(y_target, (num_dev, num_test), seed, stratified)",
        "dev = split(y_target, (num_dev,), seed, stratified)[0]\n"
        "test = split(y_target, (num_test,), seed, stratified)[0]",
    ),
    (
        "stratified is not handed on",
        "seed, stratified)",
        "seed)",
    ),
    (
        "seed is not handed on",
        "seed, stratified)",
        "0, stratified)",
    ),
    (
        "the whole source is the training set, train_dev included: a set that was trained on says nothing of new data",
        "train, train_dev = split(y_source, (num_train, num_train_dev), seed, stratified)",
        "train, train_dev = split(y_source, (num_train, num_train_dev), seed, stratified)\n"
        "train = np.arange(len(y_source))",
    ),
    (
        "the target is split without the seed: stratified stands in the place of seed",
        "dev, test = split(y_target, (num_dev, num_test), seed, stratified)",
        "dev, test = split(y_target, (num_dev, num_test), stratified)",
    ),
    (
        "dev and test are taken from the source: they show what the model is for, so they come from the target",
        "split(y_target, (num_dev, num_test)",
        "split(y_source, (num_dev, num_test)",
    ),
)


@wrong("project_split", "source and target are mixed before the split: split each of them by itself")
def project_split_of_a_mixture(y_source, y_target, num_train_dev, num_dev, num_test, seed=0, stratified=False):
    sizes = (len(y_source) - num_train_dev, num_train_dev, num_dev, num_test)
    parts = strategy.split(np.concatenate([y_source, y_target]), sizes, seed, stratified)
    return dict(zip(strategy.SETS, parts, strict=True))


@right("project_split")
def project_split_the_other_way_round(y_source, y_target, num_train_dev, num_dev, num_test, seed=0, stratified=False):
    held_out, train = strategy.split(y_source, [num_train_dev, len(y_source) - num_train_dev], seed, stratified)
    test, dev = strategy.split(y_target, [num_test, num_dev], seed + 10, stratified)
    return {"train": train, "train_dev": held_out, "dev": dev, "test": test}


# ---- find_leaks

slips(
    "find_leaks",
    (
        "the question is the other way round: say it for each image of X, not of the training set",
        "for x in X.astype(common)",
        "for x in X_train.astype(common)",
    ),
    (
        "the answer is turned round: True means that the image occurs in the training set",
        "in known for x",
        "not in known for x",
    ),
    (
        "the sums of the images are compared: equal sums may belong to different images",
        "{x.tobytes() for x in X_train.astype(common)}",
        "{float(x.sum()) for x in X_train.astype(common)}",
        "x.tobytes() in known",
        "float(x.sum()) in known",
    ),
    (
        "the order of the pixels is lost: compare the images as they are",
        "{x.tobytes() for x in X_train.astype(common)}",
        "{np.sort(x, axis=None).tobytes() for x in X_train.astype(common)}",
        "x.tobytes() in known",
        "np.sort(x, axis=None).tobytes() in known",
    ),
)


@wrong("find_leaks", "one equal value is enough here: all values of two images must be equal")
def leaks_by_any_value(X, X_train):
    return np.array([(X_train == x).any() for x in X], dtype=bool)


@wrong(
    "find_leaks",
    "differences are added up with their signs, so they can cancel out: compare value by value",
)
def leaks_by_summed_differences(X, X_train):
    differences = X[:, np.newaxis].astype(float) - X_train
    return (differences.reshape(len(X), len(X_train), -1).sum(axis=2) == 0).any(axis=1)


@wrong("find_leaks", "image i is compared with training image i alone: compare it with all of them")
def leaks_in_the_same_place(X, X_train):
    n = min(len(X), len(X_train))
    found = np.zeros(len(X), dtype=bool)
    found[:n] = (X[:n] == X_train[:n]).reshape(n, -1).all(axis=1)
    return found


@wrong("find_leaks", "the indices of the leaks are returned: return True or False for each image of X")
def leaks_as_indices(X, X_train):
    known = {x.tobytes() for x in X_train}
    return np.array([i for i, x in enumerate(X) if x.tobytes() in known], dtype=int)


@wrong("find_leaks", "the number of leaks is returned: return True or False for each image of X")
def leaks_counted(X, X_train):
    known = {x.tobytes() for x in X_train}
    return sum(x.tobytes() in known for x in X)


@wrong("find_leaks", "each image is compared with each, but the answer is one for each image of X: .any(axis=1)")
def leaks_as_a_table(X, X_train):
    return np.array([[np.array_equal(x, other) for other in X_train] for x in X])


@wrong("find_leaks", "each value is looked for anywhere in the training set: compare whole images")
def leaks_by_values_anywhere(X, X_train):
    return np.isin(X, X_train).reshape(len(X), -1).all(axis=1)


@right("find_leaks")
def leaks_by_comparing_all(X, X_train):
    return (X[:, np.newaxis] == X_train).all(axis=tuple(range(2, X.ndim + 1))).any(axis=1)


@right("find_leaks")
def leaks_with_two_loops(X, X_train):
    return np.array([any(np.array_equal(x, other) for other in X_train) for x in X], dtype=bool)


@right("find_leaks", edge="equal numbers of different bytes")
def leaks_by_bytes(X, X_train):
    known = {x.tobytes() for x in X_train}
    return np.array([x.tobytes() in known for x in X], dtype=bool)


# ---- error_sources

slips(
    "error_sources",
    (
        "the best error is not subtracted: only what is above it could be avoided",
        'errors["train"] - best_error',
        'errors["train"]',
    ),
    (
        "the signs are turned round: the later error minus the earlier one",
        'bias = errors["train"] - best_error',
        'bias = best_error - errors["train"]',
        'variance = train_dev - errors["train"]',
        'variance = errors["train"] - train_dev',
        'mismatch = errors["dev"] - train_dev',
        'mismatch = train_dev - errors["dev"]',
        'overfitting = errors["test"] - errors["dev"]',
        'overfitting = errors["dev"] - errors["test"]',
    ),
    (
        "the variance is the step from train to dev, which contains the data mismatch: it goes from train to train_dev",
        'variance = train_dev - errors["train"]',
        'variance = errors["dev"] - errors["train"]',
    ),
    (
        "the mismatch is the step from train to dev, which contains the variance: it goes from train_dev to dev",
        'mismatch = errors["dev"] - train_dev',
        'mismatch = errors["dev"] - errors["train"]',
    ),
    (
        "variance and data mismatch are swapped: train to train_dev stays in one distribution",
        'variance = train_dev - errors["train"]',
        'mismatch = train_dev - errors["train"]',
        'mismatch = errors["dev"] - train_dev',
        'variance = errors["dev"] - train_dev',
    ),
    (
        "negative gaps are cut off at 0: a gap that is negative says something too",
        "    overfitting = ",
        "    bias, variance, mismatch = max(bias, 0), max(variance, 0), max(mismatch, 0)\n    overfitting = ",
    ),
    (
        "the absolute value is taken: whether an error rises or falls is lost",
        'overfitting = errors["test"] - errors["dev"]',
        'overfitting = abs(errors["test"] - errors["dev"])',
    ),
    (
        "without train_dev, the variance is 0 here: the dev error stands in for it, so that the mismatch is 0",
        'errors.get("train_dev", errors["dev"])',
        'errors.get("train_dev", errors["train"])',
    ),
    (
        "the last gap is the step from train_dev to test: it goes from dev to test",
        'errors["test"] - errors["dev"]',
        'errors["test"] - train_dev',
    ),
    (
        "the gaps are relative to the error before: subtract, do not divide",
        'variance = train_dev - errors["train"]',
        'variance = (train_dev - errors["train"]) / max(errors["train"], 1e-9)',
    ),
    (
        "a missing train_dev counts as an error of 0: without it, the dev error takes its place",
        'errors.get("train_dev", errors["dev"])',
        'errors.get("train_dev", 0.0)',
    ),
    (
        "the best error is subtracted from every error: each gap is the step from the error before",
        'variance = train_dev - errors["train"]',
        "variance = train_dev - best_error",
        'mismatch = errors["dev"] - train_dev',
        'mismatch = errors["dev"] - best_error',
        'overfitting = errors["test"] - errors["dev"]',
        'overfitting = errors["test"] - best_error',
    ),
)


@wrong("error_sources", "without train_dev there is an error: then dev takes its place")
def sources_need_train_dev(errors, best_error=0.0):
    walk = [best_error, *(errors[name] for name in strategy.SETS)]
    return dict(zip(strategy.SOURCES, np.diff(walk).tolist(), strict=True))


@right("error_sources")
def sources_by_differences(errors, best_error=0.0):
    walk = [best_error, *(errors.get(name, errors["dev"]) for name in strategy.SETS)]
    return dict(zip(strategy.SOURCES, np.diff(walk), strict=True))


# ---- gap_noise

slips(
    "gap_noise",
    (
        "the standard errors are added: it is their squares that add up",
        "np.sqrt(train + train_dev)",
        "np.sqrt(train) + np.sqrt(train_dev)",
        "np.sqrt(train_dev + dev), np.sqrt(dev + test)",
        "np.sqrt(train_dev) + np.sqrt(dev), np.sqrt(dev) + np.sqrt(test)",
    ),
    (
        "variances are subtracted: those of two independent errors add up, in a difference too",
        "np.sqrt(train + train_dev)",
        "np.sqrt(abs(train - train_dev))",
        "np.sqrt(train_dev + dev), np.sqrt(dev + test)",
        "np.sqrt(abs(train_dev - dev)), np.sqrt(abs(dev - test))",
    ),
    (
        "the root is missing: variances are returned",
        "np.sqrt(train), np.sqrt(train + train_dev)",
        "train, train + train_dev",
        "np.sqrt(train_dev + dev), np.sqrt(dev + test)",
        "train_dev + dev, dev + test",
    ),
    (
        "the variance of one draw is e (1 - e), not e",
        "errors[name] * (1 - errors[name]) / counts[name]",
        "errors[name] / counts[name]",
    ),
    (
        "it is not divided by the number of examples: more examples make an error more certain",
        "errors[name] * (1 - errors[name]) / counts[name]",
        "errors[name] * (1 - errors[name])",
    ),
    (
        "the root of n is divided by, inside the root: divide the variance by n",
        "/ counts[name] for",
        "/ np.sqrt(counts[name]) for",
    ),
    (
        "the first gap has the noise of train_dev: the best error counts as known, so only train is left",
        "np.sqrt(train), np.sqrt(train + train_dev)",
        "np.sqrt(train + train_dev), np.sqrt(train + train_dev)",
    ),
    (
        "two standard errors are returned: return one",
        "bias, variance = np.sqrt(train), np.sqrt(train + train_dev)",
        "bias, variance = 2 * np.sqrt(train), 2 * np.sqrt(train + train_dev)",
        "np.sqrt(train_dev + dev), np.sqrt(dev + test)",
        "2 * np.sqrt(train_dev + dev), 2 * np.sqrt(dev + test)",
    ),
    (
        "each gap has the noise of one end only: both of its errors were measured",
        "np.sqrt(train + train_dev)",
        "np.sqrt(train_dev)",
        "np.sqrt(train_dev + dev), np.sqrt(dev + test)",
        "np.sqrt(dev), np.sqrt(test)",
    ),
    (
        "n stands outside of the root: divide the variance e (1 - e) by n, and then take the root",
        "errors[name] * (1 - errors[name]) / counts[name]",
        "errors[name] * (1 - errors[name]) / counts[name] ** 2",
    ),
    (
        "n - 1 is divided by: the variance of a mean of n is that of one draw, divided by n",
        "/ counts[name] for",
        "/ (counts[name] - 1) for",
    ),
)


@wrong("gap_noise", "the gap is put into e (1 - e): it is the two errors that were measured, each with its own n")
def noise_of_the_gap_itself(errors, counts):
    gaps = np.abs(np.diff([0, *(errors[name] for name in strategy.SETS)]))
    noise = [np.sqrt(gap * (1 - gap) / counts[name]) for gap, name in zip(gaps, strategy.SETS, strict=True)]
    return dict(zip(strategy.SOURCES, noise, strict=True))


@right("gap_noise")
def noise_by_hypotenuse(errors, counts):
    def standard_error(name):
        return np.sqrt(errors[name] - errors[name] ** 2) / np.sqrt(counts[name])

    ends = [0.0, *(standard_error(name) for name in strategy.SETS)]
    return {gap: np.hypot(ends[i], ends[i + 1]) for i, gap in enumerate(strategy.SOURCES)}


# ---- learning_curve

slips(
    "learning_curve",
    (
        "the training error is measured on the whole training set: measure it on the examples that were trained on",
        "np.mean(predict(X[chosen]) != y[chosen])",
        "np.mean(predict(X) != y)",
    ),
    (
        "accuracies are returned: an error is the share that is wrong",
        "!= y[chosen])",
        "== y[chosen])",
        'data["X_val"]) != ',
        'data["X_val"]) == ',
    ),
    (
        "the training set is not shuffled: its first examples may all be of one class",
        "np.random.RandomState(seed).permutation(len(X))",
        "np.arange(len(X))",
    ),
    (
        "all runs have the same order: the order belongs to the seed",
        "np.random.RandomState(seed)",
        "np.random.RandomState(0)",
    ),
    (
        "the model always gets the same seed: pass the seed of the run on",
        "y[chosen], seed)",
        "y[chosen], 0)",
    ),
    (
        "the labels are not shuffled with the inputs: take both by the same indices",
        "train_fn(X[chosen], y[chosen], seed)",
        "train_fn(X[chosen], y[:size], seed)",
    ),
    (
        "the last examples of the order are taken: take the first ones",
        "order[:size]",
        "order[-size:]",
    ),
    (
        "the validation error is measured on as many examples as were trained on: measure it on all of X_val",
        'np.mean(predict(data["X_val"]) != data["y_val"])',
        'np.mean(predict(data["X_val"][:size]) != data["y_val"][:size])',
    ),
    (
        "the two results are swapped: the training errors come first",
        "return train_errors, val_errors",
        "return val_errors, train_errors",
    ),
    (
        "the model is trained on all examples at every size: train it on the chosen ones",
        "train_fn(X[chosen], y[chosen], seed)",
        "train_fn(X, y, seed)",
    ),
    (
        "each size has an order of its own: make it once for each seed, so that larger sets contain the smaller ones",
        "chosen = order[:size]",
        "chosen = np.random.RandomState(seed + i).permutation(len(X))[:size]",
    ),
    (
        "the numbers of wrong examples are returned: divide them by the number of examples",
        "np.mean(predict(X[chosen])",
        "np.sum(predict(X[chosen])",
        'np.mean(predict(data["X_val"])',
        'np.sum(predict(data["X_val"])',
    ),
    (
        "the model gets the number of the run instead of its seed: pass seed on, not j",
        "y[chosen], seed)",
        "y[chosen], j)",
    ),
    (
        "the training error is measured on the first examples of X, not on those that were trained on",
        "predict(X[chosen]) != y[chosen]",
        "predict(X[:size]) != y[:size]",
    ),
    (
        "the parts follow each other: the larger training sets have to contain the smaller ones",
        "chosen = order[:size]",
        "chosen = np.roll(order, -sum(sizes[:i]))[:size]",
    ),
    (
        "examples are drawn with replacement: a permutation has each of them once",
        "np.random.RandomState(seed).permutation(len(X))",
        "np.random.RandomState(seed).choice(len(X), len(X))",
    ),
    (
        "X and y stay shuffled for the next seed: shuffle the indices, and leave X and y as they are",
        "order = np.random.RandomState(seed).permutation(len(X))",
        "order = np.random.RandomState(seed).permutation(len(X))\nX, y, order = X[order], y[order], np.arange(len(X))",
    ),
)


@wrong("learning_curve", "the results are transposed: entry [i, j] belongs to size i and seed j")
def curve_transposed(train_fn, data, sizes, seeds):
    return tuple(errors.T for errors in curve_of_rows(train_fn, data, sizes, seeds))


@wrong("learning_curve", "the mean over the seeds is returned: return every run, so that their spread can be seen")
def curve_averaged(train_fn, data, sizes, seeds):
    return tuple(errors.mean(axis=1) for errors in curve_of_rows(train_fn, data, sizes, seeds))


@wrong(
    "learning_curve",
    "each net starts from another random order: make it once for each seed, so that larger sets contain the smaller",
)
def curve_of_other_orders(train_fn, data, sizes, seeds):
    rng = np.random.RandomState(0)  # with a seed, so that the stored answers are the same each time

    def train_on_some(X, y, seed):
        chosen = rng.permutation(len(data["X_train"]))[: len(X)]
        return train_fn(data["X_train"][chosen], data["y_train"][chosen], seed)

    return curve_of_rows(train_on_some, data, sizes, seeds)


@right("learning_curve")
def curve_of_rows(train_fn, data, sizes, seeds):
    rows = []
    for size in sizes:
        row = []
        for seed in seeds:
            some = np.random.RandomState(seed).permutation(len(data["y_train"]))[:size]
            X, y = data["X_train"][some], data["y_train"][some]
            model = train_fn(X, y, seed)
            row.append((1 - np.mean(model(X) == y), 1 - np.mean(model(data["X_val"]) == data["y_val"])))
        rows.append(row)
    train_errors, val_errors = np.moveaxis(np.array(rows), 2, 0)
    return train_errors, val_errors


@right("learning_curve")
def curve_from_the_last_seed_on(train_fn, data, sizes, seeds):
    """The runs come in another order: seeds and sizes from behind."""
    errors = np.zeros((2, len(sizes), len(seeds)))
    for i, j in reversed(list(np.ndindex(len(sizes), len(seeds)))):
        some = np.random.RandomState(seeds[j]).permutation(len(data["X_train"]))[: sizes[i]]
        X, y = data["X_train"][some], data["y_train"][some]
        model = train_fn(X, y, seeds[j])
        errors[:, i, j] = np.mean(model(X) != y), np.mean(model(data["X_val"]) != data["y_val"])
    return errors[0], errors[1]


# ---- error_table

slips(
    "error_table",
    (
        "the share is of the examples, not of the errors: divide by the number of errors",
        '"share": float(both / max(np.sum(is_wrong), 1))',
        '"share": float(np.mean(tag))',
    ),
    (
        "the ceiling is the share of the errors: divide by the number of all examples",
        '"ceiling": float(both / len(is_wrong))',
        '"ceiling": float(both / max(np.sum(is_wrong), 1))',
    ),
    (
        "the error is divided by all errors: divide by the number of examples with the tag",
        '"error": float(both / max(np.sum(tag), 1))',
        '"error": float(both / max(np.sum(is_wrong), 1))',
    ),
    (
        "share and error are swapped",
        '"share": float(both / max(np.sum(is_wrong), 1))',
        '"error": float(both / max(np.sum(is_wrong), 1))',
        '"error": float(both / max(np.sum(tag), 1))',
        '"share": float(both / max(np.sum(tag), 1))',
    ),
    (
        "the ceiling is the error that would be left: it is by how much the error would fall",
        '"ceiling": float(both / len(is_wrong))',
        '"ceiling": float(np.mean(is_wrong & ~tag))',
    ),
    (
        "the rows are not sorted: the one with the highest ceiling comes first",
        'sorted(rows.items(), key=lambda row: row[1]["ceiling"], reverse=True)',
        "rows",
    ),
    (
        "the row with the lowest ceiling comes first: the highest does",
        ", reverse=True)",
        ")",
    ),
    (
        "the rows are sorted by the error: sort them by the ceiling",
        'row[1]["ceiling"]',
        'row[1]["error"]',
    ),
    (
        "examples that are wrong or have the tag are counted: count those that are both",
        "is_wrong & tag",
        "is_wrong | tag",
    ),
    (
        "the right examples are counted: count the wrong ones",
        "is_wrong & tag",
        "~is_wrong & tag",
    ),
    (
        "an example counts for its first tag alone: it may have several",
        "        both = np.sum(is_wrong & tag)\n",
        "        first = ~np.any([tags[other] for other in list(tags)[: list(tags).index(name)]], axis=0)\n"
        "        both = np.sum(is_wrong & tag & first)\n",
    ),
    (
        "percentages are returned: shares are from 0 to 1",
        "float(both / max(np.sum(is_wrong), 1))",
        "float(100 * both / max(np.sum(is_wrong), 1))",
        "float(both / max(np.sum(tag), 1))",
        "float(100 * both / max(np.sum(tag), 1))",
        "float(both / len(is_wrong))",
        "float(100 * both / len(is_wrong))",
    ),
    (
        "== also counts what is neither wrong nor tagged: count those that are both, by &",
        "is_wrong & tag",
        "is_wrong == tag",
    ),
    (
        "the ceiling counts all examples with the tag: only those that are wrong can be put right",
        '"ceiling": float(both / len(is_wrong))',
        '"ceiling": float(np.mean(tag))',
    ),
    (
        "the error counts all wrong examples: count those with the tag",
        '"error": float(both / max(np.sum(tag), 1))',
        '"error": float(np.sum(is_wrong) / max(np.sum(tag), 1))',
    ),
    (
        "sorted gives a list of pairs: make a dict of it with dict(...)",
        'dict(sorted(rows.items(), key=lambda row: row[1]["ceiling"], reverse=True))',
        'sorted(rows.items(), key=lambda row: row[1]["ceiling"], reverse=True)',
    ),
)


@right("error_table")
def table_with_loops(is_wrong, tags):
    table = {}
    for name in tags:
        both = sum(1 for wrong, tag in zip(is_wrong, tags[name], strict=True) if wrong and tag)
        errors, members = sum(map(bool, is_wrong)), sum(map(bool, tags[name]))
        table[name] = {
            "ceiling": both / len(is_wrong),
            "share": both / errors if errors else 0.0,
            "error": both / members if members else 0.0,
        }
    return {name: table[name] for name in sorted(table, key=lambda name: -table[name]["ceiling"])}


@right("error_table", edge="0 / 0 is nan")
def table_by_means(is_wrong, tags):
    rows = {
        name: {"share": tag[is_wrong].mean(), "error": is_wrong[tag].mean(), "ceiling": (is_wrong & tag).mean()}
        for name, tag in tags.items()
    }
    names = np.array(list(rows))
    return {name: rows[name] for name in names[np.argsort([-rows[name]["ceiling"] for name in names])]}


# ---- choose

slips(
    "choose",
    (
        "one bound is enough here: a model must be good enough by all metrics",
        "if all(",
        "if any(",
    ),
    (
        "the bounds are ignored: first put aside the models that miss one",
        "max(good_enough,",
        "max(models,",
    ),
    (
        "the worst model is chosen: the highest value of the optimising metric is the best",
        "best = max(",
        "best = min(",
    ),
    (
        "a value equal to its bound is not good enough here, but it should be",
        "COMPARISONS[sign](metrics[metric], bound)",
        "(metrics[metric] < bound if sign == '<=' else metrics[metric] > bound)",
    ),
    (
        "<= and >= are swapped",
        "COMPARISONS[sign](metrics[metric], bound)",
        "COMPARISONS[sign](bound, metrics[metric])",
    ),
    (
        "all comparisons are <=: look at the one that comes with the bound",
        "COMPARISONS[sign](",
        'COMPARISONS["<="](',
    ),
    (
        "if no model is good enough, the first one is returned: return None",
        "default=None",
        "default=next(iter(models))",
    ),
    (
        "of equally good models the last one is chosen: choose the first",
        "max(good_enough,",
        "max(reversed(good_enough),",
    ),
    (
        "the value is returned: return the name of the model",
        "    return best",
        "    return None if best is None else models[best][optimise]",
    ),
    (
        "the first model that is good enough is returned: return the best of them",
        "max(good_enough, key=lambda name: models[name][optimise], default=None)",
        "next(iter(good_enough), None)",
    ),
    (
        "max compares the names: key=... says what it should compare",
        "key=lambda name: models[name][optimise], ",
        "",
    ),
    (
        "the bound is compared with the optimising metric: compare it with the metric that it belongs to",
        "(metrics[metric], bound)",
        "(metrics[optimise], bound)",
    ),
    (
        "a list of names is returned: return the name itself",
        "    return best",
        "    return [] if best is None else [best]",
    ),
)


@wrong("choose", "the metrics are added up into one number: a bound is a bound, however good the rest is")
def choose_by_a_sum(models, optimise, satisfice=None):
    def total(name):
        metrics = models[name]
        signs = {"<=": -1, ">=": 1}
        return metrics[optimise] + sum(signs[sign] * metrics[m] for m, (sign, _) in (satisfice or {}).items())

    return max(models, key=total)


@wrong("choose", "the best of all is taken first and checked then: first put aside the models that miss a bound")
def choose_and_then_check(models, optimise, satisfice=None):
    best = max(models, key=lambda name: models[name][optimise])
    fits = all(_fits(models[best][metric], *bound) for metric, bound in (satisfice or {}).items())
    return best if fits else None


def _fits(value, sign, bound):
    return value <= bound if sign == "<=" else value >= bound


@right("choose")
def choose_with_a_loop(models, optimise, satisfice=None):
    best = None
    for name, metrics in models.items():
        fits = all(_fits(metrics[metric], *bound) for metric, bound in (satisfice or {}).items())
        if fits and (best is None or metrics[optimise] > models[best][optimise]):
            best = name
    return best


@right("choose")
def choose_by_sorting(models, optimise, satisfice=None):
    ranked = sorted(models, key=lambda name: -models[name][optimise])
    kept = [n for n in ranked if all(_fits(models[n][m], *bound) for m, bound in (satisfice or {}).items())]
    return kept[0] if kept else None
