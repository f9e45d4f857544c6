"""The questions of Strategy: honest splits, sources of error, learning curves, error analysis, the choice of a model.

What a split returns is random, so its properties are judged; the counts of its classes are compared where they come out
even.
"""

import numpy as np

from coursekit.core.question import Case, Question, holds

NOTEBOOK = "Strategy"
STRATEGY = "cs231n.strategy"
SETS = ("train", "train_dev", "dev", "test")


# ---- split


def _labels(rng, counts, sort=True):
    """Labels with so many of each class; the names of the classes are not 0, 1, 2, ..."""
    names = np.sort(rng.choice(np.arange(2, 30), size=len(counts), replace=False))
    y = np.repeat(names, counts)
    return y if sort else rng.permutation(y)


def _split_inputs(rng, counts, sizes, stratified):
    return {"y": _labels(rng, counts), "sizes": list(sizes), "seed": int(rng.randint(1000)), "stratified": stratified}


def _even_inputs(rng):
    """Parts of 1/10, 4/10, 3/10 and 2/10 of classes that can be divided so; the order of the parts is drawn."""
    tenths = rng.permutation(np.arange(3, 30))[:7]
    shares = rng.permutation([1, 4, 3])
    y = _labels(rng, 10 * tenths, sort=False)
    sizes = [int(share * tenths.sum()) for share in shares]
    return {"y": y, "sizes": sizes, "seed": int(rng.randint(1000)), "stratified": True}


def _run_split(y, sizes, seed, stratified):
    from cs231n.strategy import split

    return {"splits": [list(split(y, sizes, s, stratified)) for s in (seed, seed, seed + 1)]}


def _run_counts(y, sizes, seed, stratified):
    from cs231n.strategy import split

    parts = [np.asarray(part) for part in split(y, sizes, seed, stratified)]
    return {"class_counts": _class_counts(y, parts)}


def _class_counts(y, parts):
    """How many of each class are in each part: (P, K)."""
    return np.array([np.sum(y[part][:, np.newaxis] == np.unique(y), axis=0) for part in parts])


def _observe_split(inputs, outputs):
    """What a split is judged by; the indices themselves are random and many."""
    y, splits = inputs["y"], [_as_parts(parts) for parts in outputs["splits"]]
    if not all(parts is not None and _are_indices(parts, len(y)) for parts in splits):
        return {"are indices": False}
    first, again, other = splits
    joined = np.concatenate([*first, np.zeros(0, int)])
    return {
        "are indices": True,
        "sizes": [len(part) for part in first],
        "repeated": len(joined) - len(np.unique(joined)),
        "in order": bool(first) and _takes_neighbours(y, first[0]),
        "same seed, same parts": _equal(first, again),
        "other seed, same parts": _equal(first, other),
        "class counts": _class_counts(y, first).tolist(),
    }


def _as_parts(parts):
    """The parts as vectors of whole numbers, or None."""
    arrays = [np.asarray(part) for part in parts] if isinstance(parts, (list, tuple)) else [np.zeros((0, 0))]
    fit = all(part.ndim == 1 and (part.dtype.kind in "iu" or part.size == 0) for part in arrays)
    return [part.astype(int) for part in arrays] if fit else None


def _are_indices(parts, N):
    return all(part.size == 0 or (part.min() >= 0 and part.max() < N) for part in parts)


def _takes_neighbours(y, part):
    """Whether a part holds, of each class, examples that follow each other in the data."""
    ranks = [np.flatnonzero(np.isin(np.flatnonzero(y == label), part)) for label in np.unique(y)]
    return all(len(rank) == 0 or rank[-1] - rank[0] == len(rank) - 1 for rank in ranks)


def _equal(parts, others):
    return len(parts) == len(others) and all(map(np.array_equal, parts, others))


def _judge_split(inputs, outputs):
    y, sizes = inputs["y"], inputs["sizes"]
    indices = holds(
        "each part is a vector of indices from 0 to N - 1",
        outputs["are indices"],
        f"expected a list of {len(sizes)} integer vectors with entries from 0 to {len(y) - 1}",
        mistake="return the indices of the examples in each part, not their labels, a mask, or fractions",
    )
    if not indices.ok:
        return [indices]
    findings = [
        indices,
        _judge_sizes(sizes, outputs["sizes"]),
        holds(
            "no example is in two parts",
            outputs["repeated"] == 0,
            f"{outputs['repeated']} indices occur more than once",
            mistake="deal the examples out of one random order, without replacement: each is dealt once",
        ),
        holds(
            "the choice is random",
            not outputs["in order"],
            "the first part takes examples that follow each other in the data",
            mistake="the examples are taken in the order in which they are stored, which is often sorted by class or "
            "by date: shuffle first",
        ),
        holds(
            "the same seed gives the same parts",
            outputs["same seed, same parts"],
            "two calls with one seed give different parts",
            mistake="the random order does not depend on seed: make a generator of your own with it, "
            "np.random.RandomState(seed)",
        ),
        holds(
            "another seed gives other parts",
            not outputs["other seed, same parts"],
            "two calls with different seeds give the same parts",
            mistake="seed is not used: pass it to the generator of the random order",
        ),
    ]
    if inputs["stratified"] and outputs["sizes"] == list(sizes):
        findings.append(_judge_shares(y, sizes, np.array(outputs["class counts"])))
    return findings


def _judge_sizes(sizes, got):
    mistake = "part i has sizes[i] examples, and what is left over is in no part"
    if got[: len(sizes)] == list(sizes) and len(got) == len(sizes) + 1:
        mistake = "the examples that are left over are returned as one more part: leave them out"
    elif got[:-1] == list(sizes[:-1]):
        mistake = "the last part gets what is left over: the last cut comes after it, so it is in np.cumsum(sizes), too"
    elif got[:1] == list(sizes[:1]):
        mistake = "sizes are not the places where to cut: the places are their running sums, np.cumsum(sizes)"
    return holds(
        "each part has the size asked for",
        got == list(sizes),
        f"expected parts of {_listed(sizes)} examples, got {_listed(got)}",
        mistake=mistake,
    )


def _listed(numbers):
    return ", ".join(str(number) for number in numbers[:8]) or "none"


def _judge_shares(y, sizes, counts):
    wanted = np.outer(sizes, np.unique(y, return_counts=True)[1]) / len(y)  # (P, K)
    worst = np.unravel_index(np.argmax(np.abs(counts - wanted)), wanted.shape)
    gap = f"worst in part {worst[0]}: expected about {wanted[worst]:.1f} of class {np.unique(y)[worst[1]]}, got "
    return holds(
        "each class has its share of each part",
        np.abs(counts - wanted).max() <= 2,
        gap + str(counts[worst]),
        mistake="the parts are not stratified: deal each class in proportion to the sizes",
    )


def _run_global(y, sizes, seed, stratified):
    from cs231n.strategy import split

    before = np.random.get_state()[1].copy()
    split(y, sizes, seed, stratified)
    return {"changed": int(not np.array_equal(before, np.random.get_state()[1]))}


def _split_sizes(y, sizes, **_):
    return {"N": len(y), "P": len(sizes)}


split = Question(
    id="split",
    title="Random parts, stratified or not",
    notebook=NOTEBOOK,
    points=3,
    minutes=25,
    difficulty=3,
    importance=5,
    hints=(
        "Put all examples into one random order and cut it at the running sums of the sizes; what comes after the last "
        "cut is in no part.",
        "Stratified: give each example its rank in its class, divided by the size of the class, and sort the random "
        "order by that. Any stretch of it then has all classes in proportion.",
    ),
    implements=(f"{STRATEGY}:split",),
    cases=(
        Case(
            "three parts",
            lambda rng: _split_inputs(rng, (90, 240, 170), (200, 60, 110), False),
            _run_split,
            _split_sizes,
            judge=_judge_split,
            observe=_observe_split,
        ),
        Case("stratified, counts of the classes", _even_inputs, _run_counts, _split_sizes),
        Case(
            "stratified, a rare class",
            lambda rng: _split_inputs(rng, (60, 1800, 1140), (600, 900, 1200), True),
            _run_split,
            _split_sizes,
            judge=_judge_split,
            observe=_observe_split,
        ),
        Case(
            "stratified, shares that do not come out even",
            lambda rng: _split_inputs(rng, (107, 280, 220), (120, 77, 203), True),
            _run_split,
            _split_sizes,
            judge=_judge_split,
            observe=_observe_split,
            edge="rounding the share of each class gives parts that are a few examples too small or too large; sort by "
            "the depth in the class and cut once, and the sizes are exact",
        ),
        Case(
            "NumPy's global generator",
            lambda rng: _split_inputs(rng, (30, 50), (30, 20), False),
            _run_global,
            _split_sizes,
            edge="np.random.seed inside a function makes all later random numbers of the program depend on it; "
            "np.random.RandomState(seed) is a generator of its own",
        ),
    ),
)


# ---- project_split


def _project_inputs(rng, stratified=True):
    """Classes that can be divided evenly, and other numbers of them in the source than in the target."""
    source, target = 10 * rng.randint(3, 20, size=5), 10 * rng.randint(2, 12, size=5)
    names = np.sort(rng.choice(np.arange(2, 30), size=5, replace=False))
    train_dev, dev, test = rng.permutation([1, 2, 3])
    return {
        "y_source": rng.permutation(np.repeat(names, source)),
        "y_target": rng.permutation(np.repeat(names, target)),
        "num_train_dev": int(train_dev * source.sum() // 10),
        "num_dev": int(dev * target.sum() // 10),
        "num_test": int(test * target.sum() // 10),
        "seed": int(rng.randint(1000)),
        "stratified": stratified,
    }


def _run_project(y_source, y_target, **settings):
    from cs231n.strategy import project_split

    sets = {name: np.asarray(indices) for name, indices in project_split(y_source, y_target, **settings).items()}
    outputs = {f"size_{name}": len(indices) for name, indices in sets.items()}
    if settings["stratified"]:
        outputs |= {f"classes_{name}": _classes_of(name, sets[name], y_source, y_target) for name in sets}
    joined = np.concatenate([sets["dev"], sets["test"]])
    return outputs | {
        "source_used": np.sort(np.bincount(np.concatenate([sets["train"], sets["train_dev"]]), minlength=1)),
        "dev_and_test_in_common": len(joined) - len(np.unique(joined)),
    }


def _classes_of(name, indices, y_source, y_target):
    """How many of each class a set has; an index beyond the end, into the wrong data, counts for none."""
    y = y_source if name.startswith("train") else y_target
    return np.sum(y[indices[indices < len(y)]][:, np.newaxis] == np.unique(y_source), axis=0)


def _run_project_seeds(y_source, y_target, **settings):
    from cs231n.strategy import project_split

    calls = [settings, settings, settings | {"seed": settings["seed"] + 1}]
    first, again, other = (project_split(y_source, y_target, **call) for call in calls)
    return {
        "same_seed_same_sets": np.array([np.array_equal(first[name], again[name]) for name in first]).astype(int),
        "other_seed_same_sets": np.array([np.array_equal(first[name], other[name]) for name in first]).astype(int),
    }


def _project_sizes(y_source, y_target, **_):
    return {"N": len(y_source), "M": len(y_target)}


project_split = Question(
    id="project_split",
    title="The four sets of a project",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=5,
    hints=(
        "Two sets must look like the images that the model learns from, the other two like those that it is for. Which "
        "are which?",
        "Call your function of the previous question twice: once for the source, once for the target. Hand seed and "
        "stratified on.",
    ),
    implements=(f"{STRATEGY}:project_split",),
    builds_on=("split",),
    cases=(
        Case("stratified", _project_inputs, _run_project, _project_sizes),
        Case("not stratified", lambda rng: _project_inputs(rng, False), _run_project, _project_sizes),
        Case("seeds", _project_inputs, _run_project_seeds, _project_sizes),
    ),
)


# ---- find_leaks


def _leak_inputs(rng, N, M, shape, dtype=np.uint8):
    """About half of X is copied from the training set; the others nearly are: one pixel, or the order of all."""
    X_train = rng.randint(256, size=(M, *shape)).astype(dtype)
    X = X_train[rng.randint(M, size=N)].copy()
    flat = X.reshape(N, -1)
    fate = rng.permutation(np.arange(N) % 4)
    for i in np.flatnonzero(fate == 0):  # the same pixels in another order
        flat[i] = flat[i, ::-1]
    for i in np.flatnonzero(fate == 1):  # one pixel is a little different
        flat[i, -1] = flat[i, -1] - 1 if flat[i, -1] > 100 else flat[i, -1] + 1
    return {"X": X, "X_train": X_train}


def _opposite_changes(rng):
    """An image whose differences from a training image add up to 0, and one where they do as whole bytes."""
    X_train = rng.randint(60, 190, size=(5, 2, 3)).astype(np.uint8)
    X = X_train[[3, 1, 4, 0]].copy()
    X[0, 0, 0] += 7
    X[0, 1, 2] -= 7
    X[2, 0] += np.uint8(64)
    X[2, 1, 0] += np.uint8(64)
    return {"X": X, "X_train": X_train}


def _run_leaks(X, X_train):
    from cs231n.strategy import find_leaks

    return {"is_leak": np.asarray(find_leaks(X, X_train)).astype(int)}


def _leak_sizes(X, X_train):
    return {"N": len(X), "M": len(X_train)}


find_leaks = Question(
    id="find_leaks",
    title="Images that leak",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "Two images are equal if all of their values are. Sums or means can agree by chance, so compare the images "
        "themselves.",
        "A Python set answers quickly whether it has something, but takes no arrays: x.tobytes() makes bytes of an "
        "image. Equal bytes need one dtype.",
    ),
    implements=(f"{STRATEGY}:find_leaks",),
    cases=(
        Case("small images", lambda rng: _leak_inputs(rng, 24, 17, (4, 5, 3)), _run_leaks, _leak_sizes),
        Case(
            "rows of features",
            lambda rng: _leak_inputs(rng, 31, 40, (7,), np.float64),
            _run_leaks,
            _leak_sizes,
        ),
        Case("differences that add up to 0", _opposite_changes, _run_leaks, _leak_sizes),
        Case(
            "another dtype",
            lambda rng: (lambda given: given | {"X": given["X"].astype(np.float32)})(_leak_inputs(rng, 9, 8, (3, 4))),
            _run_leaks,
            _leak_sizes,
            edge="200 as uint8 and 200.0 as float32 are equal numbers of different bytes; convert both sets to one "
            "dtype first",
        ),
        Case(
            "an empty training set",
            lambda rng: {"X": rng.rand(3, 2), "X_train": rng.rand(0, 2)},
            _run_leaks,
            _leak_sizes,
            edge="without training images nothing can leak: False for each image",
        ),
    ),
)


# ---- error_sources and gap_noise


def _error_inputs(rng, names=SETS, num_projects=6):
    """The errors of some projects, which rise and fall by steps of very different size."""
    steps = np.array([rng.permutation([0.02, 0.05, 0.11, 0.23]) for _ in range(num_projects)]).T[: len(names)]
    signs = np.array([rng.permutation(np.arange(num_projects) < 2) for _ in names]) * -2 + 1  # two of each fall
    best_error = rng.uniform(0.02, 0.04, size=num_projects)
    errors = 0.5 + best_error + np.cumsum(signs * steps * rng.uniform(0.9, 1.1, size=steps.shape), axis=0)
    return {"best_error": best_error} | dict(zip(names, errors, strict=True))


def _gaps(rows):
    """The gaps of some projects, each a dict, as one vector for each gap."""
    return {name.replace(" ", "_"): np.array([row[name] for row in rows]) for name in rows[0]}


def _run_sources(best_error, **errors):
    from cs231n.strategy import error_sources

    projects = [{name: float(values[i]) for name, values in errors.items()} for i in range(len(best_error))]
    return _gaps([error_sources(project, float(best)) for project, best in zip(projects, best_error, strict=True)])


def _perfect(rng):
    return {"best_error": np.zeros(2)} | {name: np.zeros(2) for name in SETS}


error_sources = Question(
    id="error_sources",
    title="Where the error comes from",
    notebook=NOTEBOOK,
    points=2,
    minutes=10,
    difficulty=1,
    importance=5,
    hints=(
        "Walk from the best possible error to the test error: best, train, train_dev, dev, test. Each of the four gaps "
        "is one step of this walk.",
        "A gap is the later error minus the earlier one and may be negative. Without train_dev, take dev in its place: "
        "then the step between the two is 0.",
    ),
    implements=(f"{STRATEGY}:error_sources",),
    cases=(
        Case("four sets", _error_inputs, _run_sources),
        Case("without train_dev", lambda rng: _error_inputs(rng, ("train", "dev", "test")), _run_sources),
        Case("no errors at all", _perfect, _run_sources),
    ),
)


def _noise_inputs(rng, low, high, num_projects=5):
    counts = [rng.permutation([2600, 740, 310, 120]) + rng.randint(50, size=4) for _ in range(num_projects)]
    errors = [rng.permutation(np.linspace(low, high, 4)) * rng.uniform(0.9, 1, size=4) for _ in range(num_projects)]
    return {"errors": np.array(errors), "counts": np.array(counts)}


def _run_noise(errors, counts):
    from cs231n.strategy import gap_noise

    projects = zip(errors.tolist(), counts.tolist(), strict=True)
    return _gaps([gap_noise(dict(zip(SETS, e, strict=True)), dict(zip(SETS, n, strict=True))) for e, n in projects])


gap_noise = Question(
    id="gap_noise",
    title="How certain a gap is",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=4,
    hints=(
        "An error on n examples is the mean of n draws of 0 or 1, and the variance of one draw is e (1 - e).",
        "The variances of the two ends of a gap are added, and the root comes last. The best error counts as known, so "
        "the first gap has one variance only.",
    ),
    implements=(f"{STRATEGY}:gap_noise",),
    cases=(
        Case("small and large errors", lambda rng: _noise_inputs(rng, 0.02, 0.6), _run_noise),
        Case("large errors", lambda rng: _noise_inputs(rng, 0.5, 0.98), _run_noise),
    ),
)


# ---- learning_curve


def _curve_inputs(rng, N, num_val, sizes, seeds):
    """Three classes that overlap; the training set is sorted by class."""
    y_train, y_val = np.arange(N) * 3 // N, rng.randint(3, size=num_val)
    centres = rng.randn(3, 4)
    return {
        "X_train": centres[y_train] + 1.2 * rng.randn(N, 4),
        "y_train": y_train,
        "X_val": centres[y_val] + 1.2 * rng.randn(num_val, 4),
        "y_val": y_val,
        "sizes": list(sizes),
        "seeds": [int(seed) for seed in seeds],
    }


def _nearest_means(X, y, seed):
    """A small model: the class whose mean is nearest, in a direction that depends on the seed."""
    scale = 0.2 + np.random.RandomState(seed).rand(X.shape[1])
    labels = np.unique(y)
    means = np.array([X[y == label].mean(axis=0) for label in labels])  # (K, D)

    def predict(inputs):
        distances = np.sum((scale * (inputs[:, np.newaxis] - means)) ** 2, axis=2)  # (N, K)
        return labels[distances.argmin(axis=1)]

    return predict


def _run_curve(sizes, seeds, **data):
    from cs231n.strategy import learning_curve

    trained_on = {}  # for each size and seed, which examples the first net got

    def train_fn(X, y, seed):
        trained_on.setdefault((len(X), seed), np.isin(data["X_train"][:, 0], X[:, 0]).astype(int))
        return _nearest_means(X, y, seed)

    train_errors, val_errors = learning_curve(train_fn, data, sizes, seeds)
    return {
        "trained_on": np.array([_examples_of(trained_on, size, seeds[0]) for size in sizes]),
        "train_errors": train_errors,
        "val_errors": val_errors,
    }


def _examples_of(trained_on, size, seed):
    """The examples of the net of a size and a seed; if there is none, those of another one, which then differ."""
    of_size = [examples for (n, _), examples in trained_on.items() if n == size]
    return trained_on.get((size, seed), next(iter(of_size or trained_on.values()), None))


def _curve_sizes(X_train, X_val, sizes, seeds, **_):
    return {"N": len(X_train), "M": len(X_val), "P": len(sizes), "S": len(seeds)}


learning_curve = Question(
    id="learning_curve",
    title="Learning curves",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "Two loops, over seeds and over sizes. The random order belongs to the seed, so that the smaller training sets "
        "are parts of the larger ones.",
        "The training error is measured on just the examples that this model was trained on, the validation error on "
        "all of X_val. Entry [i, j] belongs to size i and seed j.",
    ),
    implements=(f"{STRATEGY}:learning_curve",),
    cases=(
        Case(
            "four sizes, three seeds",
            lambda rng: _curve_inputs(rng, 97, 61, (7, 18, 40, 97), rng.randint(1000, size=3)),
            _run_curve,
            _curve_sizes,
        ),
        Case(
            "sizes that fall",
            lambda rng: _curve_inputs(rng, 60, 83, (50, 12), rng.randint(1000, size=5)),
            _run_curve,
            _curve_sizes,
        ),
    ),
)


# ---- error_table


def _table_inputs(rng, N, shares):
    """Tags that overlap, on examples of which some are wrong; the ceilings all differ."""
    while True:
        tags = {name: rng.rand(N) < share for name, share in zip(("blurred", "fog", "hidden"), shares, strict=True)}
        is_wrong = rng.rand(N) < 0.1 + 0.5 * tags["fog"] + 0.2 * tags["hidden"]
        both = [int(np.sum(is_wrong & tag)) for tag in tags.values()]
        if len({*both, 0}) == 4:
            return {"is_wrong": is_wrong} | tags


def _run_table(is_wrong, **tags):
    from cs231n.strategy import error_table

    table = error_table(is_wrong, tags)
    names = sorted(tags)
    outputs = {column: np.array([table[name][column] for name in names]) for column in ("share", "error", "ceiling")}
    return outputs | {"order": np.array([names.index(name) for name in table])}


def _table_sizes(is_wrong, **tags):
    return {"N": len(is_wrong), "T": len(tags)}


def _all_right(rng):
    return {"is_wrong": np.zeros(7, dtype=bool), "blurred": np.arange(7) < 3, "fog": np.arange(7) > 4}


def _unused_tag(rng):
    return {"is_wrong": np.arange(8) < 3, "blurred": np.arange(8) < 5, "fog": np.zeros(8, dtype=bool)}


error_table = Question(
    id="error_table",
    title="Error analysis as a table",
    notebook=NOTEBOOK,
    points=3,
    minutes=20,
    difficulty=2,
    importance=5,
    hints=(
        "All three columns count the same thing, the examples that are wrong and have the tag. They differ in what "
        "this number is divided by.",
        "Share: by all errors. Error: by all examples with the tag. Ceiling: by all examples. Then sort the rows by "
        "their ceiling, the highest first.",
    ),
    implements=(f"{STRATEGY}:error_table",),
    cases=(
        Case("three tags", lambda rng: _table_inputs(rng, 90, (0.5, 0.2, 0.35)), _run_table, _table_sizes),
        Case("a common tag", lambda rng: _table_inputs(rng, 47, (0.2, 0.15, 0.8)), _run_table, _table_sizes),
        Case(
            "nothing is wrong",
            _all_right,
            _run_table,
            _table_sizes,
            edge="on a small set there may be no errors at all; 0 / 0 is nan, with a warning",
        ),
        Case(
            "a tag that no example has",
            _unused_tag,
            _run_table,
            _table_sizes,
            edge="a tag from one analysis may not occur in the next; 0 / 0 is nan, with a warning",
        ),
    ),
)


# ---- choose


def _model_inputs(rng, N):
    """The metrics of N models: the best ones by accuracy are slow, and some of them miss the rare class."""
    accuracy = rng.permutation(np.linspace(0.7, 0.97, N))
    return {
        "accuracy": accuracy,
        "milliseconds": np.round(100 * (accuracy - 0.6) ** 2 * rng.uniform(2, 9, size=N), 2),
        "recall": np.round(rng.uniform(0.5, 1, size=N), 3),
    }


def _tied_models(rng):
    """Two models are equally good, and one value is exactly at its bound."""
    return {
        "accuracy": np.array([0.8, 0.9, 0.95, 0.9, 0.85]),
        "milliseconds": np.array([4.0, 7.5, 9.0, 3.0, 8.0]),
        "recall": np.array([0.75, 0.625, 0.5, 0.875, 0.75]),
    }


def _run_choose(**metrics):
    """The choice for bounds that a model just reaches, as its number; -1 for None, -2 for what is no model's name."""
    from cs231n.strategy import choose

    N = len(metrics["accuracy"])
    models = {f"model {i}": {name: float(values[i]) for name, values in metrics.items()} for i in range(N)}
    number = {name: i for i, name in enumerate(models)} | {None: -1}

    def chosen(optimise, satisfice):
        name = choose(models, optimise, satisfice)
        return number[name] if isinstance(name, (str, type(None))) and name in number else -2

    slow, recall = metrics["milliseconds"], metrics["recall"]
    return {
        "best": chosen("accuracy", None),
        "fast": np.array([chosen("accuracy", {"milliseconds": ("<=", float(bound))}) for bound in slow]),
        "recall": np.array([chosen("accuracy", {"recall": (">=", float(bound))}) for bound in recall]),
        "both": np.array(
            [
                chosen("accuracy", {"milliseconds": ("<=", float(most)), "recall": (">=", float(least))})
                for most, least in zip(slow, recall[::-1], strict=True)
            ]
        ),
        "other": np.array([chosen("recall", {"accuracy": (">=", float(bound))}) for bound in metrics["accuracy"]]),
    }


def _run_none(**metrics):
    from cs231n.strategy import choose

    models = {f"model {i}": {"accuracy": accuracy} for i, accuracy in enumerate(metrics["accuracy"])}
    return {"is_none": int(choose(models, "accuracy", {"accuracy": (">=", 0.99)}) is None)}


def _choose_sizes(accuracy, **_):
    return {"N": len(accuracy)}


choose = Question(
    id="choose",
    title="One metric to optimise, others to satisfy",
    notebook=NOTEBOOK,
    points=2,
    minutes=15,
    difficulty=2,
    importance=3,
    hints=(
        "First put aside the models that miss a bound; a value equal to its bound is good enough. Then only the "
        "optimising metric counts.",
        'COMPARISONS turns "<=" into a function of two values. max takes a key, and a default for the case that no '
        "model is left.",
    ),
    implements=(f"{STRATEGY}:choose",),
    cases=(
        Case("eight models", lambda rng: _model_inputs(rng, 8), _run_choose, _choose_sizes),
        Case("thirteen models", lambda rng: _model_inputs(rng, 13), _run_choose, _choose_sizes),
        Case("equally good ones, values at their bounds", _tied_models, _run_choose, _choose_sizes),
        Case("no model is good enough", lambda rng: _model_inputs(rng, 4), _run_none, _choose_sizes),
    ),
)


QUESTIONS = (
    split,
    project_split,
    find_leaks,
    error_sources,
    gap_noise,
    learning_curve,
    error_table,
    choose,
)
