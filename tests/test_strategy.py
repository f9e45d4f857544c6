"""Splits, sources of error, learning curves, error analysis and the choice of a model: what each promises."""

import numpy as np
import pytest

from cs231n.strategy import (
    SETS,
    SOURCES,
    choose,
    error_sources,
    error_table,
    find_leaks,
    gap_noise,
    largest_source,
    learning_curve,
    project_split,
    split,
)

SEEDS = pytest.mark.parametrize("seed", range(5))


def labels(seed, counts=(40, 320, 147)):
    """Labels of three classes of very different size, mixed."""
    return np.random.RandomState(seed).permutation(np.repeat([3, 5, 11], counts))


# ---- split and project_split


@SEEDS
@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("sizes", [(507,), (100, 200, 207), (1, 0, 30), ()])
def test_parts_are_disjoint_and_as_large_as_asked(seed, stratified, sizes):
    parts = split(labels(seed), sizes, seed, stratified)
    assert [len(part) for part in parts] == list(sizes)
    joined = np.concatenate([*parts, np.zeros(0, int)])
    assert len(np.unique(joined)) == len(joined) == sum(sizes)


@SEEDS
def test_a_seed_gives_one_split_and_leaves_the_global_generator_alone(seed):
    y, state = labels(0), np.random.get_state()[1].copy()
    first, again, other = split(y, (50, 60), seed), split(y, (50, 60), seed), split(y, (50, 60), seed + 1)
    assert all(map(np.array_equal, first, again)) and not any(map(np.array_equal, first, other))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@SEEDS
def test_stratified_parts_keep_the_shares_of_the_classes(seed):
    """To within two examples; a plain random split is farther off."""
    y, sizes = labels(seed, (60, 1800, 1140)), (600, 900, 1200)
    wanted = np.outer(sizes, [60, 1800, 1140]) / 3000

    def gap(stratified):
        parts = split(y, sizes, seed, stratified)
        return np.abs([np.unique(y[part], return_counts=True)[1] for part in parts] - wanted).max()

    assert gap(True) <= 2 < gap(False)


def test_every_example_is_as_likely_to_be_chosen():
    """Over many seeds, stratified or not, each example lands in a part of half the examples half of the time."""
    y = labels(1, (10, 30, 20))
    for stratified in (False, True):
        chosen = np.zeros(60)
        for seed in range(800):
            chosen[split(y, (30,), seed, stratified)[0]] += 1
        assert np.abs(chosen / 800 - 0.5).max() < 5 * np.sqrt(0.25 / 800)


def test_a_project_trains_on_the_source_and_is_judged_on_the_target():
    sets = project_split(np.zeros(30, int), np.zeros(9, int), num_train_dev=8, num_dev=4, num_test=3, seed=2)
    assert list(sets) == list(SETS)
    np.testing.assert_array_equal(np.sort(np.concatenate([sets["train"], sets["train_dev"]])), np.arange(30))
    assert len(np.unique(np.concatenate([sets["dev"], sets["test"]]))) == 7


# ---- leaks


def test_leaks_are_found_whatever_the_type():
    X_train = np.random.RandomState(0).randint(256, size=(20, 3, 4, 4)).astype(np.uint8)
    X = X_train[[3, 5, 7]].copy()
    X[1, 2, 3, 3] ^= 1
    for dtype in (np.uint8, np.float32, np.int64):
        np.testing.assert_array_equal(find_leaks(X.astype(dtype), X_train), [True, False, True])
    assert find_leaks(X, X_train[:0]).tolist() == [False] * 3 and find_leaks(X[:0], X_train).shape == (0,)


# ---- sources of error


@SEEDS
def test_the_gaps_add_up_to_the_test_error_above_the_best(seed):
    errors = dict(zip(SETS, np.random.RandomState(seed).rand(4), strict=True))
    gaps = error_sources(errors, best_error=0.01)
    assert tuple(gaps) == SOURCES and sum(gaps.values()) == pytest.approx(errors["test"] - 0.01)
    del errors["train_dev"]
    gaps = error_sources(errors)
    assert gaps["data mismatch"] == 0 and gaps["variance"] == errors["dev"] - errors["train"]


def test_noise_is_the_spread_of_gaps_that_are_drawn_again():
    """Against a simulation: sets drawn again and again from models of fixed error."""
    rng, errors = np.random.RandomState(0), dict(zip(SETS, (0.1, 0.25, 0.4, 0.7), strict=True))
    counts = dict(zip(SETS, (900, 300, 120, 60), strict=True))
    draws = [{name: rng.binomial(counts[name], errors[name]) / counts[name] for name in SETS} for _ in range(4000)]
    noise = gap_noise(errors, counts)
    for name in SOURCES:
        spread = np.std([error_sources(drawn)[name] for drawn in draws])
        assert noise[name] == pytest.approx(spread, rel=0.06)


def test_the_largest_source_stands_out_of_the_noise():
    gaps = dict(zip(SOURCES, (0.03, 0.10, -0.2, 0.02), strict=True))
    assert largest_source(gaps) == "variance"
    assert largest_source(gaps, dict.fromkeys(SOURCES, 0.06)) == "none"
    assert largest_source(gaps, dict(zip(SOURCES, (0.01, 0.06, 0.01, 0.01), strict=True))) == "avoidable bias"


# ---- learning curves


def test_a_curve_is_measured_on_nested_training_sets():
    """What is trained on at a size is part of what is trained on at the next, and the errors are the model's."""
    data = {"X_train": np.arange(50), "y_train": np.arange(50) % 2, "X_val": np.arange(8), "y_val": np.zeros(8, int)}
    seen = {}

    def train_fn(X, y, seed):
        seen[len(X), seed] = set(X.tolist())
        np.testing.assert_array_equal(X % 2, y)
        return lambda inputs: inputs % 2 if len(inputs) > 8 else np.ones(len(inputs), int)

    train_errors, val_errors = learning_curve(train_fn, data, [9, 20, 50], [3, 4])
    np.testing.assert_array_equal(train_errors, np.zeros((3, 2)))
    np.testing.assert_array_equal(val_errors, np.ones((3, 2)))
    for seed in (3, 4):
        assert seen[9, seed] < seen[20, seed] < seen[50, seed]
    assert seen[9, 3] != seen[9, 4]


# ---- error analysis and choice


@SEEDS
def test_a_ceiling_is_what_putting_the_tag_right_gains(seed):
    rng = np.random.RandomState(seed)
    is_wrong, tags = rng.rand(80) < 0.3, {name: rng.rand(80) < 0.4 for name in "abc"}
    table = error_table(is_wrong, tags)
    for name, tag in tags.items():
        put_right = np.where(tag, False, is_wrong)
        assert table[name]["ceiling"] == pytest.approx(is_wrong.mean() - put_right.mean())
        assert table[name]["share"] * is_wrong.sum() == pytest.approx(table[name]["error"] * tag.sum())
    ceilings = [row["ceiling"] for row in table.values()]
    assert ceilings == sorted(ceilings, reverse=True)


def test_a_table_without_errors_is_0():
    row = {"share": 0.0, "error": 0.0, "ceiling": 0.0}
    assert error_table(np.zeros(4, bool), {"a": np.arange(4) < 2, "b": np.zeros(4, bool)}) == {"a": row, "b": row}


def test_the_choice_of_a_model():
    models = {
        "a": {"acc": 0.9, "ms": 20, "kB": 5},
        "b": {"acc": 0.8, "ms": 10, "kB": 9},
        "c": {"acc": 0.8, "ms": 1, "kB": 99},
    }
    assert choose(models, "acc") == "a"
    assert choose(models, "acc", {"ms": ("<=", 10)}) == "b"
    assert choose(models, "acc", {"ms": ("<=", 10), "kB": (">=", 10)}) == "c"
    assert choose(models, "acc", {"ms": ("<=", 0.5)}) is None


# ---- errors

ERRORS = dict.fromkeys(SETS, 0.1)
CURVE = {"X_train": np.zeros((4, 1)), "y_train": np.zeros(4, int), "X_val": np.zeros((1, 1)), "y_val": np.zeros(1, int)}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: split(np.zeros((3, 2)), (1,)), r"labels have shape \(3, 2\)"),
        (lambda: split(np.zeros(3), (2, 2)), "ask for 4 examples, but there are 3"),
        (lambda: split(np.zeros(9), (0.5,)), "expected an integer"),
        (lambda: split(np.zeros(9), (-1,)), "expected an integer of at least 0"),
        (lambda: project_split(np.zeros(9), np.zeros(3), 9, 1, 1), "left to train on"),
        (lambda: project_split(np.zeros(9), np.zeros(3), 2, 2, 2), "num_dev and num_test ask for 4"),
        (lambda: find_leaks(np.zeros((2, 12)), np.zeros((5, 3, 4))), "Is one of them flattened"),
        (lambda: error_sources({"train": 0.1, "test": 0.2}), 'has no "dev"'),
        (lambda: error_sources(ERRORS | {"val": 0.1}), 'errors has "val"'),
        (lambda: error_sources(ERRORS | {"dev": 12.0}), "Divide a percentage by 100"),
        (lambda: error_sources(ERRORS, best_error=-0.1), "best_error is -0.1"),
        (lambda: error_sources(ERRORS | {"dev": np.nan}), "expected a share"),
        (lambda: gap_noise(ERRORS, {"train": 100}), r'counts has no "train_dev"; expected a dict'),
        (lambda: largest_source({"variance": 0.1}, {"bias": 0.1}), 'noise has no "variance"'),
        (lambda: learning_curve(None, {"X_train": 0}, [1], [0]), 'data has no "y_train"'),
        (lambda: learning_curve(None, CURVE | {"y_train": np.zeros(3, int)}, [1], [0]), "y_train has 3 labels"),
        (lambda: choose({"a": {"acc": 1}}, "acc", {"acc": 5}), "expected a comparison and a bound"),
        (lambda: error_sources(ERRORS | {"dev": "a"}), "is 'a', expected a share"),
        (lambda: gap_noise({"train": 0.1, "dev": 0.1, "test": 0.1}, dict.fromkeys(SETS, 9)), 'has no "train_dev"'),
        (lambda: learning_curve(None, CURVE, [], [0]), "sizes has shape"),
        (lambda: learning_curve(None, CURVE, [2], []), "seeds has shape"),
        (lambda: learning_curve(None, CURVE, [5], [0]), "there are 4 training examples"),
        (lambda: learning_curve(None, CURVE, [0], [0]), "expected an integer of at least 1"),
        (lambda: error_table(np.zeros(0, bool), {}), "without any inputs"),
        (lambda: error_table(np.zeros(3, bool), {"a": np.zeros(4, bool)}), r"expected \(3,\), that of is_wrong"),
        (lambda: choose({}, "acc"), "there is no best model"),
        (lambda: choose({"a": {"accuracy": 1}}, "acuracy"), 'do you mean "accuracy"'),
        (lambda: choose({"a": {"acc": 1, "ms": 1}}, "acc", {"ms": ("<", 2)}), "compares by '<'"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_numbers_are_no_masks():
    with pytest.raises(TypeError, match="expected True or False"):
        error_table(np.array([0, 1]), {})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split(np.zeros(3), 2), r"sizes is 2, expected a list, such as \[2\]"),
        (lambda: error_sources([0.1, 0.2]), "errors is of type list"),
        (lambda: learning_curve(None, CURVE, [1], 3), "seeds is 3"),
        (lambda: error_table(np.zeros(3, bool), []), "tags is of type list"),
        (lambda: choose(["a"], "acc"), "models is of type list"),
    ],
)
def test_what_is_of_the_wrong_type_is_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()
