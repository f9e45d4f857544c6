"""Implementations of Tuning's functions as learners write them."""

import math

import numpy as np

from cs231n import optim, search
from zoo import right, slips, wrong

# ---- log_uniform

slips(
    "log_uniform",
    (
        "x itself is uniform: draw its logarithm between np.log(low) and np.log(high), and undo it by np.exp",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "rng.uniform(low, high, size)",
    ),
    (
        "the exponent lies between low and high: it must lie between their logarithms",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "np.exp(rng.uniform(low, high, size))",
    ),
    (
        "the exponent lies between low and high: it must lie between their logarithms",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "10 ** rng.uniform(low, high, size)",
    ),
    (
        "this is the logarithm of a uniform number: draw between the logarithms, and undo them by np.exp",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "np.log(rng.uniform(low, high, size))",
    ),
    (
        "low and high are swapped",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "np.exp(rng.uniform(np.log(high), np.log(low), size))",
    ),
    (
        "nothing is drawn: np.geomspace gives fixed numbers at equal distances",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "np.sqrt(low * high) if size is None else np.resize(np.geomspace(low, high, int(np.prod(size))), size)",
    ),
    (
        "these are the logarithms of the numbers: np.exp undoes np.log",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "rng.uniform(np.log(low), np.log(high), size)",
    ),
    (
        "a power of 10 does not undo the natural logarithm: use np.exp with np.log, or 10 ** with np.log10",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "10.0 ** rng.uniform(np.log(low), np.log(high), size)",
    ),
    (
        "np.exp does not undo the logarithm to the base 10: use np.exp with np.log, or 10 ** with np.log10",
        "rng.uniform(np.log(low), np.log(high), size)",
        "rng.uniform(np.log10(low), np.log10(high), size)",
    ),
    (
        "only whole powers of ten are drawn: the exponent is a uniform number with fractions",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "10.0 ** np.round(rng.uniform(np.log10(low), np.log10(high), size))",
    ),
    (
        "the numbers do not come from the generator that is passed: call rng.uniform",
        "rng.uniform(np",
        "np.random.RandomState(0).uniform(np",
    ),
    (
        "a single number is drawn for all entries: pass size to rng.uniform",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "np.exp(rng.uniform(np.log(low), np.log(high))) * np.ones(() if size is None else size)",
    ),
    (
        "the exponent goes up to the logarithm of high, and low is multiplied on top: it must go up to log(high / low)",
        "np.exp(rng.uniform(np.log(low), np.log(high), size))",
        "low * np.exp(rng.uniform(0, np.log(high), size))",
    ),
    (
        "the logarithm is drawn from a normal distribution: it must be uniform, between the logarithms of the ends",
        "rng.uniform(np.log(low), np.log(high), size)",
        "np.log(low * high) / 2 + np.log(high / low) / 4 * rng.standard_normal(size)",
    ),
)


@right("log_uniform")
def log_uniform_by_powers_of_ten(low, high, size=None, rng=None):
    return 10 ** rng.uniform(np.log10(low), np.log10(high), size=size)


@right("log_uniform")
def log_uniform_by_ratio(low, high, size=None, rng=None):
    return low * (high / low) ** rng.random_sample(size)


@right("log_uniform")
def log_uniform_in_a_loop(low, high, size=None, rng=None):
    if size is None:
        return math.exp(rng.uniform(math.log(low), math.log(high)))
    out = np.zeros(size)
    for i in range(out.size):
        out.flat[i] = math.exp(rng.uniform(math.log(low), math.log(high)))
    return out


# ---- random_search

slips(
    "random_search",
    (
        "the settings are drawn uniformly between the ends: draw each by log_uniform",
        "log_uniform(low, high, rng=rng)",
        "rng.uniform(low, high)",
    ),
    (
        "all trials have the same settings: draw new ones in each, from one generator that is made before the loop",
        "for _ in range(budget):\n        settings = {name: log_uniform(low, high, rng=rng) "
        "for name, (low, high) in ranges.items()}",
        "settings = {name: log_uniform(low, high, rng=rng) for name, (low, high) in ranges.items()}\n"
        "for _ in range(budget):",
    ),
    (
        "all trials have the same settings: draw new ones in each, from one generator that is made before the loop",
        "settings = {",
        "rng = np.random.RandomState(seed)\nsettings = {",
    ),
    (
        "the numbers are drawn setting by setting: draw trial by trial, a number for each name in turn",
        "for _ in range(budget):",
        "columns = {name: [log_uniform(low, high, rng=rng) for _ in range(budget)] "
        "for name, (low, high) in ranges.items()}\nfor i in range(budget):",
        "{name: log_uniform(low, high, rng=rng) for name, (low, high) in ranges.items()}\n        trials",
        "{name: column[i] for name, column in columns.items()}\ntrials",
    ),
    (
        "a score of nan is made a number: keep it, it is sorted to the end",
        "Trial(train(**settings), settings)",
        "Trial(np.nan_to_num(train(**settings)), settings)",
    ),
    ("one trial is missing: range(budget) counts from 0", "range(budget)", "range(1, budget)"),
    (
        "there are budget trials for each setting: budget is the number of all trials",
        "range(budget)",
        "range(budget * len(ranges))",
    ),
    ("the sign of the score is flipped: a higher score is better", "train(**settings)", "-train(**settings)"),
    (
        "train is called twice for each trial: keep what it returns",
        "trials.append(Trial(train(**settings), settings))",
        "if train(**settings) != 0:\n    trials.append(Trial(train(**settings), settings))",
    ),
    (
        "all trials share one dict of settings, so all of them show the last ones: make a new dict in each trial",
        "for _ in range(budget):\n        settings = {name: log_uniform(low, high, rng=rng) "
        "for name, (low, high) in ranges.items()}",
        "settings = {}\nfor _ in range(budget):\n"
        "    settings.update({name: log_uniform(low, high, rng=rng) for name, (low, high) in ranges.items()})",
    ),
    (
        "trials whose score is nan are left out: they belong to the result, at its end",
        "trials.append(Trial(train(**settings), settings))",
        "score = train(**settings)\nif score == score:\n    trials.append(Trial(score, settings))",
    ),
    (
        "a score of nan ends the search: the budget is for all trials, whatever becomes of one",
        "trials.append(Trial(train(**settings), settings))",
        "score = train(**settings)\nif np.isnan(score):\n    break\ntrials.append(Trial(score, settings))",
    ),
    (
        "only trials that beat all before them are kept: the result holds all trials",
        "trials.append(Trial(train(**settings), settings))",
        "score = train(**settings)\n"
        "if not trials or score > trials[-1].score:\n    trials.append(Trial(score, settings))",
    ),
    (
        "seed + 1 is used: make the generator from seed alone, as the given line does",
        "for _ in range(budget):",
        "rng = np.random.RandomState(seed + 1)\nfor _ in range(budget):",
    ),
)


@wrong("random_search", "all settings of a trial come from one random number: draw a new one for each name")
def search_along_the_diagonal(train, ranges, budget, seed=0):
    rng = np.random.RandomState(seed)
    trials = []
    for _ in range(budget):
        u = rng.uniform()
        settings = {name: low * (high / low) ** u for name, (low, high) in ranges.items()}
        trials.append(search.Trial(train(**settings), settings))
    return search.best_first(trials)


@wrong("random_search", "only the first setting is searched, the others stay in the middle of their ranges")
def searches_one_setting(train, ranges, budget, seed=0):
    rng = np.random.RandomState(seed)
    first = next(iter(ranges))
    trials = []
    for _ in range(budget):
        settings = {name: math.sqrt(low * high) for name, (low, high) in ranges.items()}
        settings[first] = search.log_uniform(*ranges[first], rng=rng)
        trials.append(search.Trial(train(**settings), settings))
    return search.best_first(trials)


@wrong("random_search", "the ends are passed as logarithms, and log_uniform takes the logarithm itself: pass the ends")
def search_with_logarithms_twice(train, ranges, budget, seed=0):
    rng = np.random.RandomState(seed)
    trials = []
    for _ in range(budget):
        settings = {
            name: float(np.log(search.log_uniform(low, high, rng=rng)) ** 2) for name, (low, high) in ranges.items()
        }
        trials.append(search.Trial(train(**settings), settings))
    return search.best_first(trials)


@right("random_search")
def search_with_loops(train, ranges, budget, seed=0):
    rng = np.random.RandomState(seed)
    trials = []
    while len(trials) < budget:
        settings = {}
        for name in ranges:
            low, high = ranges[name]
            settings[name] = search.log_uniform(low, high, None, rng)
        score = train(**settings)
        trials += [(score, settings)]
    return search.best_first(trials)


@right("random_search")
def search_in_one_line(train, ranges, budget, seed=0):
    rng = np.random.RandomState(seed)
    every = [{name: search.log_uniform(*ends, rng=rng) for name, ends in ranges.items()} for _ in range(budget)]
    return search.best_first([search.Trial(train(**settings), settings) for settings in every])


@right("random_search")
def search_with_a_table_of_numbers(train, ranges, budget, seed=0):
    """Draw the numbers from 0 to 1 first, a row for each trial."""
    table = np.random.RandomState(seed).uniform(size=(budget, len(ranges)))
    lows, highs = np.array(list(ranges.values())).T
    trials = []
    for row in lows * (highs / lows) ** table:
        settings = dict(zip(ranges, row.tolist(), strict=True))
        trials.append(search.Trial(train(**settings), settings))
    return search.best_first(trials)


# ---- find_rate

ENDS = "if np.isnan(loss) or (losses and loss > stop * min(losses)):\n            break"

slips(
    "find_rate",
    (
        "the rates rise by equal amounts: they must rise by equal factors, as np.geomspace gives them",
        "np.geomspace(low, high, num_steps)",
        "np.linspace(low, high, num_steps)",
    ),
    (
        "np.logspace takes exponents, not ends: np.geomspace takes the ends themselves",
        "np.geomspace(low, high, num_steps)",
        "np.logspace(low, high, num_steps)",
    ),
    (
        "the rates rise by a factor of 10 in each step: num_steps of them must lie between low and high",
        "np.geomspace(low, high, num_steps)",
        "low * 10.0 ** np.arange(num_steps)",
    ),
    ("the test goes on after the loss that ends it: break, not continue", "break", "continue"),
    (
        "the loss is compared with the lowest of the smoothed losses: compare it with the lowest loss",
        "stop * min(losses)",
        "stop * min(smoothed(losses))",
    ),
    (
        "the rate of the last step is kept: append the rate after the test, with its loss",
        ENDS + "\n        rates.append(rate)",
        "rates.append(rate)\nif np.isnan(loss) or (losses and loss > stop * min(losses)):\n    break",
    ),
    (
        "losses holds the smoothed ones: smooth them for the suggestion only",
        "suggestion = rates[np.argmin(smoothed(losses))] / 10",
        "losses = smoothed(losses)\nsuggestion = rates[np.argmin(losses)] / 10",
    ),
    (
        "np.argmin gives a place: the suggestion is a tenth of the rate there, rates[...]",
        "rates[np.argmin(smoothed(losses))] / 10",
        "np.argmin(smoothed(losses)) / 10",
    ),
    (
        "the place is divided by 10: divide the rate",
        "rates[np.argmin(smoothed(losses))] / 10",
        "rates[np.argmin(smoothed(losses)) // 10]",
    ),
    (
        "the suggestion comes from where the loss falls fastest: take a tenth of the rate where it is lowest",
        "np.argmin(smoothed(losses))",
        "np.argmin(np.diff(smoothed(losses)))",
    ),
    (
        "the rates fall: the first one is low",
        "np.geomspace(low, high, num_steps)",
        "np.geomspace(high, low, num_steps)",
    ),
    (
        "the rates stop before high: num_steps values from end to end have num_steps - 1 factors between them",
        "np.geomspace(low, high, num_steps)",
        "low * (high / low) ** (np.arange(num_steps) / num_steps)",
    ),
    (
        "the last step is kept: look at the loss before it is appended",
        ENDS + "\n        rates.append(rate)\n        losses.append(loss)",
        "rates.append(rate)\nlosses.append(loss)\nif np.isnan(loss) or loss > stop * min(losses):\n    break",
    ),
    (
        "the loss is compared with the first one: compare it with the lowest so far",
        "stop * min(losses)",
        "stop * losses[0]",
    ),
    (
        "the loss is compared with the one before, or with the highest: compare it with the lowest so far",
        "stop * min(losses)",
        "stop * losses[-1]",
    ),
    (
        "a loss of nan does not end the test",
        "np.isnan(loss) or (losses and loss > stop * min(losses))",
        "losses and loss > stop * min(losses)",
    ),
    ("4 is hard-coded: use stop", "stop * min(losses)", "4.0 * min(losses)"),
    ("any rise ends the test: only a loss above stop times the lowest does", "stop * min(losses)", "min(losses)"),
    (
        "a loss that exceeds the lowest by stop ends the test: it must be larger than stop times the lowest",
        "stop * min(losses)",
        "stop + min(losses)",
    ),
    (
        "the suggestion is not divided by 10",
        "suggestion = rates[np.argmin(smoothed(losses))] / 10",
        "suggestion = rates[np.argmin(smoothed(losses))]",
    ),
    (
        "the suggestion comes from the raw losses: smooth them first",
        "np.argmin(smoothed(losses))",
        "np.argmin(losses)",
    ),
    (
        "the suggestion comes from the last rate: take the one where the smoothed losses are lowest",
        "rates[np.argmin(smoothed(losses))]",
        "rates[-1]",
    ),
    (
        "the suggestion is a tenth of the lowest loss: take the rate at its place, by np.argmin",
        "rates[np.argmin(smoothed(losses))]",
        "np.min(smoothed(losses))",
    ),
    (
        "the suggestion is where the smoothed loss is highest: np.argmin finds the lowest",
        "np.argmin(smoothed(losses))",
        "np.argmax(smoothed(losses))",
    ),
)


@wrong("find_rate", "the first rate is skipped: take a step with low before you multiply")
def find_rate_skips_the_first(step, low=1e-5, high=10.0, num_steps=100, stop=4.0):
    rates, losses, rate = [], [], low
    for _ in range(num_steps):
        rate *= (high / low) ** (1 / (num_steps - 1))
        loss = step(rate)
        if np.isnan(loss) or (losses and loss > stop * min(losses)):
            break
        rates.append(rate)
        losses.append(loss)
    return search.RateTest(np.array(rates), np.array(losses), rates[np.argmin(search.smoothed(losses))] / 10)


@right("find_rate")
def find_rate_by_multiplying(step, low=1e-5, high=10.0, num_steps=100, stop=4.0):
    factor, rate = (high / low) ** (1 / (num_steps - 1)), low
    rates, losses, lowest = [], [], float("inf")
    for _ in range(num_steps):
        loss = step(rate)
        if not loss <= stop * lowest:
            break
        lowest = min(lowest, loss)
        rates, losses = [*rates, rate], [*losses, loss]
        rate *= factor
    return np.array(rates), np.array(losses), rates[int(search.smoothed(losses).argmin())] * 0.1


@right("find_rate")
def find_rate_in_arrays(step, low=1e-5, high=10.0, num_steps=100, stop=4.0):
    rates = 10.0 ** np.linspace(np.log10(low), np.log10(high), num_steps)
    losses = np.full(num_steps, np.inf)
    kept = num_steps
    for t in range(num_steps):
        losses[t] = step(rates[t])
        if not np.isfinite(losses[t]) or losses[t] > stop * losses[: t + 1].min():
            kept = t
            break
    rates, losses = rates[:kept], losses[:kept]
    order = np.argsort(search.smoothed(losses), kind="stable")
    return rates, losses, rates[order[0]] / 10


# ---- check_initial_loss

slips(
    "check_initial_loss",
    (
        "the net is made with its usual regularisation: make_net(reg=0.0), for log(C) is the loss of the data alone",
        "make_net(reg=0.0)",
        "make_net()",
    ),
    ("the natural logarithm is meant: np.log", "wanted = np.log(", "wanted = np.log2("),
    ("the natural logarithm is meant: np.log", "wanted = np.log(", "wanted = np.log10("),
    (
        "ok is never True: the loss may differ by tolerance * log(C) from log(C), and not from -log(C) or 1 / C",
        "wanted = np.log(",
        "wanted = -np.log(",
    ),
    ("10 classes are hard-coded: use num_classes", "np.log(num_classes)", "np.log(10)"),
    ("0.1 is hard-coded: use tolerance", "<= tolerance * wanted", "<= 0.1 * wanted"),
    (
        "ok is never True: the loss may differ by tolerance * log(C) from log(C), and not from -log(C) or 1 / C",
        "abs(measured - wanted) <= tolerance * wanted",
        "measured == wanted",
    ),
    (
        "a loss that is far too large passes: compare the absolute difference",
        "abs(measured - wanted)",
        "wanted - measured",
    ),
    (
        "the wanted loss is log(C): neither C nor the probability 1 / C",
        "wanted = np.log(num_classes)",
        "wanted = num_classes",
    ),
    (
        "ok is never True: the loss may differ by tolerance * log(C) from log(C), and not from -log(C) or 1 / C",
        "wanted = np.log(num_classes)",
        "wanted = 1 / num_classes",
    ),
    ("the logarithm of the number of inputs is taken: the classes count", "np.log(num_classes)", "np.log(len(y))"),
    (
        "tolerance is a fraction of log(C): multiply it by that",
        "<= tolerance * wanted",
        "<= tolerance",
    ),
    (
        "a loss that is far too small passes: compare the absolute difference",
        "abs(measured - wanted)",
        "measured - wanted",
    ),
    ("ok is the wrong way round: it is True where the loss is close", "wanted) <= ", "wanted) > "),
    (
        "the difference is divided by the loss: tolerance is a fraction of log(C)",
        "<= tolerance * wanted",
        "<= tolerance * measured",
    ),
)


@right("check_initial_loss")
def initial_loss_in_other_words(make_net, X, y, num_classes, tolerance=0.1):
    loss, grads = make_net(reg=0.0).loss(X, y)
    ratio = loss / -math.log(1 / num_classes)
    return search.Finding("loss", 1 - tolerance <= ratio <= 1 + tolerance, loss, "", "")


@right("check_initial_loss")
def initial_loss_by_isclose(make_net, X, y, num_classes, tolerance=0.1):
    loss = make_net(reg=0).loss(X, y)[0]
    is_close = np.isclose(loss, np.log(num_classes), rtol=tolerance, atol=0)
    return search.Finding("loss", bool(is_close), loss, "", "")


# ---- check_overfit

MOVED = "net.params[name] = net.params[name] - learning_rate * dw"

slips(
    "check_overfit",
    ("the net is regularised: make_net(reg=0.0)", "make_net(reg=0.0)", "make_net()"),
    (
        "all images are used: keep the first num_images of X and of y",
        "X, y = X[:num_images], y[:num_images]",
        "X, y = X, y",
    ),
    (
        "the last images are used: take the first num_images",
        "X, y = X[:num_images], y[:num_images]",
        "X, y = X[-num_images:], y[-num_images:]",
    ),
    ("the parameters go up the gradient: subtract learning_rate * dw", "- learning_rate", "+ learning_rate"),
    ("the learning rate is missing in the step", "- learning_rate * dw", "- dw"),
    ("0.1 is hard-coded: use learning_rate", "- learning_rate * dw", "- 0.1 * dw"),
    ("the new parameter is not stored in net.params", MOVED, "moved = net.params[name] - learning_rate * dw"),
    (
        "the parameter becomes the step alone: it must move by it",
        "net.params[name] - learning_rate * dw",
        "-learning_rate * dw",
    ),
    ("one step is missing: range(num_steps) counts from 0", "range(num_steps)", "range(1, num_steps + 0)"),
    (
        "the net starts anew in every step: make it once, before the loop",
        "for _ in range(num_steps):",
        "for _ in range(num_steps):\n    net = make_net(reg=0.0)",
    ),
    (
        "biases do not move: every parameter of net.params has a gradient, whatever its shape",
        MOVED,
        "if dw.ndim > 1:\n    net.params[name] = net.params[name] - learning_rate * dw",
    ),
    (
        "what is measured is the loss: it must be the fraction of the images that are classified correctly",
        "np.mean(np.argmax(net.loss(X), axis=1) == y)",
        "net.loss(X, y)[0]",
    ),
    (
        "the gradients are computed once: the parameters have moved, so they must be computed in every step",
        "for _ in range(num_steps):",
        "_, first = net.loss(X, y)\nfor _ in range(num_steps):",
        "in grads.items()",
        "in first.items()",
    ),
    (
        "what is measured is a percentage: it must be a fraction, at most 1",
        "measured = np.mean(",
        "measured = 100 * np.mean(",
    ),
    (
        "the accuracy is measured before the last step: measure after the loop",
        "_, grads = net.loss(X, y)",
        "_, grads = net.loss(X, y)\nbefore = np.mean(np.argmax(net.loss(X), axis=1) == y)",
        "measured = np.mean(np.argmax(net.loss(X), axis=1) == y)",
        "measured = before",
    ),
    (
        "all images are measured: only the first num_images are to be learnt by heart",
        "X, y = X[:num_images], y[:num_images]",
        "X_few, y_few = X[:num_images], y[:num_images]",
        "grads = net.loss(X, y)",
        "grads = net.loss(X_few, y_few)",
    ),
    (
        "np.argmax with axis=1 is wanted: the class of each image, not its score, and not one position among all",
        "np.argmax(net.loss(X), axis=1)",
        "np.max(net.loss(X), axis=1)",
    ),
    (
        "np.argmax with axis=1 is wanted: the class of each image, not its score, and not one position among all",
        "np.argmax(net.loss(X), axis=1)",
        "np.argmax(net.loss(X))",
    ),
    (
        "the gradient is divided by the number of images: the loss is a mean already",
        "- learning_rate * dw",
        "- learning_rate * dw / num_images",
    ),
    (
        "what is measured is the fraction of wrong answers",
        "axis=1) == y",
        "axis=1) != y",
    ),
    (
        "what is measured is a number of images: divide it by how many there are, as np.mean does",
        "np.mean(np",
        "np.sum(np",
    ),
    (
        "a new net is measured, not the one that was trained",
        "np.argmax(net.loss(X), axis=1)",
        "np.argmax(make_net(reg=0.0).loss(X), axis=1)",
    ),
)


@right("check_overfit")
def overfit_in_place(make_net, X, y, num_images=20, num_steps=200, learning_rate=0.1):
    net, few = make_net(reg=0), slice(num_images)
    for _ in range(num_steps):
        for name, dw in net.loss(X[few], y[few])[1].items():
            net.params[name] -= learning_rate * dw
    accuracy = (net.loss(X[few]).argmax(axis=1) == y[few]).mean()
    return search.Finding("overfit", accuracy == 1, accuracy, "", "")


@right("check_overfit")
def overfit_by_sgd(make_net, X, y, num_images=20, num_steps=200, learning_rate=0.1):
    net = make_net(reg=0.0)
    step = search.training_step(net, X[:num_images], y[:num_images], optim.sgd, batch_size=num_images)
    for _ in range(num_steps):
        step(learning_rate)
    right_ones = [np.argmax(row) == label for row, label in zip(net.loss(X[:num_images]), y, strict=False)]
    return search.Finding("overfit", all(right_ones), sum(right_ones) / len(right_ones), "", "")


# ---- newton_step

SOLVED = "np.linalg.solve(hessian + damping * np.eye(len(w)), gradient)"

slips(
    "newton_step",
    ("the step goes the wrong way: subtract it", "w - np", "w + np"),
    ("the Hessian multiplies the gradient: its inverse must, so solve a system", SOLVED, "hessian @ gradient"),
    (
        "the Hessian multiplies the gradient: its inverse must, so solve a system",
        SOLVED,
        "(hessian + damping * np.eye(len(w))) @ gradient",
    ),
    (
        "* multiplies entry by entry and gives a matrix: solve a system, or multiply by @",
        SOLVED,
        "np.linalg.inv(hessian + damping * np.eye(len(w))) * gradient",
    ),
    (
        "the gradient is divided by the entries of the Hessian: solve a system",
        SOLVED,
        "gradient / (hessian + damping * np.eye(len(w)))",
    ),
    (
        "damping multiplies the step: it is added to the diagonal of the Hessian",
        SOLVED,
        "damping * np.linalg.solve(hessian, gradient)",
    ),
    (
        "the system is solved for w: its right-hand side is the gradient",
        SOLVED,
        "np.linalg.solve(hessian + damping * np.eye(len(w)), w)",
    ),
    (
        "damping is added to the new w: it is added to the diagonal of the Hessian",
        SOLVED,
        "np.linalg.solve(hessian, gradient) + damping",
    ),
    ("the Hessian is left out: this is gradient descent with a rate of 1", SOLVED, "gradient"),
    ("damping is not added", "hessian + damping * np.eye(len(w))", "hessian"),
    ("damping is subtracted: add it to the diagonal", "hessian + damping", "hessian - damping"),
    (
        "damping is added to every entry: it belongs on the diagonal, damping * np.eye(len(w))",
        "damping * np.eye(len(w))",
        "damping",
    ),
    (
        "damping multiplies the diagonal of the Hessian: it is added to it",
        "damping * np.eye(len(w))",
        "damping * np.diag(np.diag(hessian))",
    ),
    (
        "only the diagonal of the Hessian is used: the other entries count as well",
        SOLVED,
        "gradient / (np.diag(hessian) + damping)",
    ),
    (
        "damping shortens the step afterwards: it is added to the Hessian",
        SOLVED,
        "np.linalg.solve(hessian, gradient) / (1 + damping)",
    ),
    ("this is the step alone: subtract it from w", "w - np", "-np"),
)


@right("newton_step")
def newton_by_the_inverse(w, gradient, hessian, damping=0.0):
    return w - np.linalg.inv(hessian + damping * np.identity(w.size)) @ gradient


@right("newton_step")
def newton_by_eigenvalues(w, gradient, hessian, damping=0.0):
    values, axes = np.linalg.eigh(hessian)
    return w - axes @ ((axes.T @ gradient) / (values + damping))


@right("newton_step")
def newton_with_a_changed_diagonal(w, gradient, hessian, damping=0.0):
    damped = hessian.copy()
    damped[np.diag_indices(len(w))] += damping
    return np.linalg.solve(damped, damped @ w - gradient)


# ---- lbfgs_direction

slips(
    "lbfgs_direction",
    ("the direction goes uphill: return -r", "direction = -r", "direction = r"),
    (
        "the first loop begins with the oldest pair: it must begin with the newest, the last of pairs",
        "for s, y in reversed(pairs):",
        "for s, y in pairs:",
        "reversed(alphas)",
        "alphas",
    ),
    (
        "the alphas meet the wrong pairs: they were stored from the newest to the oldest, so read them from the end",
        "zip(pairs, reversed(alphas), strict=True)",
        "zip(pairs, alphas, strict=True)",
    ),
    (
        "the second loop begins with the newest pair: it must go from the oldest to the newest",
        "zip(pairs, reversed(alphas), strict=True)",
        "zip(reversed(pairs), alphas, strict=True)",
    ),
    (
        "q is not scaled between the loops: multiply it by (s . y) / (y . y) of the newest pair",
        "r = q * (s @ y) / (y @ y)",
        "r = q",
    ),
    (
        "the scale between the loops comes from the oldest pair: take the newest, pairs[-1]",
        "pairs[-1]",
        "pairs[0]",
    ),
    (
        "the scale between the loops is (s . y) / (s . s): its divisor is y . y",
        "(s @ y) / (y @ y)",
        "(s @ y) / (s @ s)",
    ),
    (
        "q is scaled by every pair: only the newest one counts, between the loops",
        "alphas.append(alpha)",
        "alphas.append(alpha)\nq = q * (s @ y) / (y @ y)",
        "r = q * (s @ y) / (y @ y)",
        "r = q",
    ),
    (
        "r begins with the gradient: it begins with q, which the first loop has changed",
        "r = q * (s @ y)",
        "r = gradient * (s @ y)",
    ),
    (
        "all pairs use the last alpha: keep one for each pair, in a list",
        "zip(pairs, reversed(alphas), strict=True)",
        "zip(pairs, alphas[-1:] * len(alphas), strict=True)",
    ),
    (
        "s and y are swapped: a pair is (s, y), a step and the change of the gradient",
        "for s, y in reversed(pairs)",
        "for y, s in reversed(pairs)",
        "for (s, y), alpha",
        "for (y, s), alpha",
        "s, y = pairs[-1]",
        "y, s = pairs[-1]",
    ),
    (
        "only the newest pair is used: both loops go through all pairs",
        "reversed(pairs)",
        "pairs[-1:]",
        "zip(pairs,",
        "zip(pairs[-1:],",
    ),
    (
        "alpha is an array: s . q and s . y are numbers, s @ q and s @ y",
        "(s @ q) / (s @ y)",
        "(s * q) / (s * y)",
    ),
    (
        "the scale between the loops is upside down: (s . y) / (y . y)",
        "(s @ y) / (y @ y)",
        "(y @ y) / (s @ y)",
    ),
    (
        "the scale between the loops is (s . s) / (s . y): this is another choice, take (s . y) / (y . y)",
        "(s @ y) / (y @ y)",
        "(s @ s) / (s @ y)",
    ),
    (
        "alpha is computed with the gradient in each round: use q, which the rounds before have changed",
        "alpha = (s @ q)",
        "alpha = (s @ gradient)",
    ),
    ("q changes along s: subtract alpha * y", "q = q - alpha * y", "q = q - alpha * s"),
    ("alpha * y is added to q: subtract it", "q = q - alpha * y", "q = q + alpha * y"),
    ("alpha is computed from y: it is (s . q) / (s . y)", "(s @ q)", "(y @ q)"),
    ("beta is computed from s: it is (y . r) / (s . y)", "(y @ r)", "(s @ r)"),
    ("beta is computed from q: it is (y . r) / (s . y), with the r of this round", "(y @ r)", "(y @ q)"),
    ("r changes along y: add (alpha - beta) * s", "(alpha - beta) * s", "(alpha - beta) * y"),
    ("beta is added: r changes by (alpha - beta) * s", "(alpha - beta) * s", "(alpha + beta) * s"),
    ("the sign of alpha - beta is flipped", "(alpha - beta) * s", "(beta - alpha) * s"),
    ("beta is left out: r changes by (alpha - beta) * s", "(alpha - beta) * s", "alpha * s"),
    (
        "alpha and beta are divided by y . y: divide by s . y",
        "alpha = (s @ q) / (s @ y)",
        "alpha = (s @ q) / (y @ y)",
        "beta = (y @ r) / (s @ y)",
        "beta = (y @ r) / (y @ y)",
    ),
    (
        "gradient is modified in place",
        "q, alphas = gradient, []",
        "q, alphas = gradient, []\nif len(pairs):\n    q -= 0.5 * pairs[-1][1]",
    ),
)


@right("lbfgs_direction")
def direction_by_the_matrix(gradient, pairs):
    """B is formed, and changed for each pair."""
    B = np.eye(len(gradient))
    if len(pairs):
        B *= (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
    for s, y in pairs:
        V = np.eye(len(gradient)) - np.outer(y, s) / (s @ y)
        B = V.T @ B @ V + np.outer(s, s) / (s @ y)
    return -B @ gradient


@right("lbfgs_direction")
def direction_with_indices(gradient, pairs):
    m = len(pairs)
    alphas, q = np.zeros(m), gradient.copy()
    for i in range(m - 1, -1, -1):
        s, y = pairs[i]
        alphas[i] = np.dot(s, q) / np.dot(y, s)
        q -= alphas[i] * y
    if m > 0:
        q *= np.sum(pairs[-1][0] * pairs[-1][1]) / np.sum(pairs[-1][1] ** 2)
    for i in range(m):
        s, y = pairs[i]
        q += s * (alphas[i] - np.dot(y, q) / np.dot(y, s))
    return -q


@right("lbfgs_direction")
def direction_by_recursion(gradient, pairs):
    """The two loops as one function that calls itself on the older pairs."""

    def product(v, older, scale):
        if not older:
            return scale * v
        *older, (s, y) = older
        alpha = (s @ v) / (s @ y)
        r = product(v - alpha * y, older, scale)
        return r + (alpha - (y @ r) / (s @ y)) * s

    scale = (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1.0
    return -product(gradient, list(pairs), scale)
