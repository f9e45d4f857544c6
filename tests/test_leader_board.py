"""A record of one's own: a run that ends in time, and a leader board whose lines are checked."""

import json
import re
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from coursekit.learner import own_record
from coursekit.learner.leader_board import BoardError, Line, ranked, read_board, show_board
from coursekit.learner.recipes import record
from coursekit.paths import ROOT
from cs231n import solver as solvers
from cs231n.classifiers.fc_net import FullyConnectedNet
from cs231n.classifiers.record_net import RecordNet
from cs231n.record_solver import RecordSolver
from cs231n.solver import Solver

HEADER = "name,accuracy,minutes,cores,processor,data,changed"
GOOD = "Ada,0.914,3.0,2,a processor,built-in images,nothing"


@pytest.fixture
def board(tmp_path):
    """Writes a leader board with these lines; its path."""

    def write(*lines, header=HEADER):
        path = tmp_path / "leader_board.csv"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        return path

    return write


def line(name="Ada", accuracy=0.914, data="built-in images", changed="nothing", minutes=3.0):
    return Line(name, accuracy, minutes, 2, "a processor", data, changed)


# ---- the leader board


def test_the_course_s_own_board_can_be_read():
    assert all(line.accuracy > 0 for line in read_board())


def test_lines_are_read_as_they_were_written(board):
    """Commas, quotes and other letters too; empty lines and the mark at the start of files from Excel are nothing."""
    lines = [line(), line("Žofie", 1.0, changed='width 96, "warm" start'), line("Ben", 0.0, "CIFAR-10")]
    path = board(lines[0].as_csv(), "", *(line.as_csv() for line in lines[1:]), header="\ufeff" + HEADER)
    assert read_board(path) == lines and board("").exists()
    assert read_board(path) == []


@pytest.mark.parametrize(
    "bad, message",
    [
        ("Ada,0.914,3.0,2,a processor,built-in images", "there are 6 values, expected 7: name, accuracy"),
        ("Ada,0.914,3.0,2,a processor,built-in images,width 96, no flips", "there are 8 values.*comma is quoted"),
        ("<<<<<<< HEAD", "there are 1 values"),
        (GOOD.replace("Ada", " "), "name is empty"),
        (GOOD.replace("nothing", ""), "changed is empty"),
        (GOOD.replace("0.914", "91.4"), "accuracy is '91.4', expected a number from 0 to 1, such as 0.914"),
        (GOOD.replace("0.914", "91 %"), "accuracy is '91 %'"),
        (GOOD.replace("0.914", "nan"), "accuracy is 'nan'"),
        (GOOD.replace("3.0", "-3"), "minutes is '-3', expected a number that is not negative"),
        (GOOD.replace("3.0", "inf"), "minutes is 'inf'"),
        (GOOD.replace(",2,", ",2.5,"), "cores is '2.5', expected a whole number, 1 or more"),
        (GOOD.replace(",2,", ",0,"), "cores is '0'"),
        (GOOD.replace("built-in images", "MNIST"), "data is 'MNIST', expected built-in images or CIFAR-10"),
        (GOOD.replace("nothing", '"nothing'), "unexpected end of data"),
    ],
)
def test_a_malformed_line_is_named(board, bad, message):
    with pytest.raises(BoardError, match=f"^leader_board.csv, line 3: .*{message}"):
        read_board(board(GOOD, bad))


@pytest.mark.parametrize("header", ["", "name,accuracy", HEADER.upper()])
def test_other_columns_are_refused(board, header):
    with pytest.raises(BoardError, match=f"line 1: the columns are .*; expected {HEADER.replace(',', ', ')}"):
        read_board(board(GOOD, header=header))


def test_ranks():
    """By accuracy, then by the minutes that it took; whoever had both first is first."""
    lines = [line("a", 0.8), line("b", 0.9), line("c", 0.8), line("d", 0.8, minutes=0.5), line("e", 0.95)]
    assert [each.name for each in ranked(lines)] == ["e", "b", "d", "a", "c"]


def test_the_own_run_has_its_place(board, monkeypatch):
    """Among the runs on the same data, and after those that are as good; what people wrote is text, not HTML."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda html: shown.append(html.data))
    lines = [line("low", 0.5), line("<b>same", 0.7), line("high", 0.9), line("other", 0.99, "CIFAR-10")]
    show_board(own := line("me, myself", 0.7), board(*(line.as_csv() for line in lines)))
    [html] = shown
    names = ["high, ", "&lt;b&gt;same, ", "me, myself (this run), ", "low, "]
    places = [html.index(name) for name in names]
    assert places == sorted(places) and "other" not in html and "<b>same" not in html
    assert html.count("(this run)") == 1 and ">3</b>" in html
    assert read_board(board(re.search("<pre.*?>(.*)</pre>", html)[1])) == [own]


# ---- the run


@pytest.fixture
def data(monkeypatch):
    """Few and small images, without a test set."""
    rng = np.random.RandomState(3)
    y = rng.randint(3, size=70)
    X = (rng.randint(0, 120, (70, 3, 8, 8)) + 40 * y[:, None, None, None]).astype(np.uint8)
    small = {"X_train": X[:50], "y_train": y[:50], "X_val": X[50:], "y_val": y[50:]}
    monkeypatch.setattr(own_record, "get_CIFAR10_data", lambda num_test, **_: {} if num_test else small)
    monkeypatch.setattr(record, "BATCH_SIZES", (10, 5))
    monkeypatch.setattr(own_record, "BATCH_SIZES", (10, 5))
    return small


@pytest.fixture
def second_steps(monkeypatch):
    """The clock of training: a second passes between two looks at it, so that a step takes a second."""
    for module in (solvers, record):
        ticks = count()
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda ticks=ticks: float(next(ticks))))


def make(data, num_epochs, batch_size, **options):
    net = RecordNet((3, 5), (3, 8, 8), num_classes=3)
    net.fit(data["X_train"])
    return RecordSolver(net, data, num_epochs=num_epochs, batch_size=batch_size, verbose=False, **options)


def with_rates(solver):
    """Train, and return the learning rate of the filters in each step."""
    rates = []
    solver.on_step = lambda solver: rates.append(solver.optim_configs["W1"]["learning_rate"])
    solver.train()
    return rates


def test_time_ends_a_run_and_the_rates_have_fallen(data, second_steps):
    """Of 15 steps there is time for 5: the line to 0 is as long as the time."""
    solver = make(data, 3, 10, time_limit=5)
    highest = solver.groups["filters"].settings["learning_rate"]
    np.testing.assert_allclose(with_rates(solver), highest * np.array([1.0, 0.8, 0.6, 0.4, 0.2]))
    assert solver.stopped_early


def test_time_that_is_long_enough_changes_nothing(data, second_steps):
    solvers_ = []
    for limit in (None, 15.5):
        np.random.seed(0)
        solvers_.append(make(data, 3, 10, time_limit=limit))
    assert with_rates(solvers_[0]) == with_rates(solvers_[1])
    assert solvers_[0].loss_history == solvers_[1].loss_history and not solvers_[1].stopped_early


def test_a_run_that_time_ends_gets_what_looking_ahead_has_kept(data, second_steps):
    solver = make(data, 3, 10, update_rule="nesterov_momentum", time_limit=8)
    solver.train()
    assert len(solver.loss_history) == 8
    for name, w in solver.model.params.items():
        np.testing.assert_array_equal(w, solver.averages[name])


def test_other_solvers_keep_to_the_time_as_well(data, second_steps):
    """The usual one, with the best parameters that it has found, and a schedule that is given."""
    solver = Solver(
        FullyConnectedNet([5], input_dim=192, num_classes=3, dtype=np.float32),
        data,
        optim_config={"learning_rate": 1e-9},
        lr_schedule=lambda rate, epoch: rate * (1 - epoch / 3),
        num_epochs=3,
        batch_size=10,
        time_limit=2,
        verbose=False,
    )
    np.testing.assert_allclose(with_rates(solver), [1e-9, 0.5e-9])


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_what_is_no_time(data, limit):
    with pytest.raises(ValueError, match="time_limit is .*, expected seconds, more than 0"):
        make(data, 1, 10, time_limit=limit)


def test_rates_are_multiplied(data):
    plain, other = make(data, 1, 10), make(data, 1, 10, rates={"filters": 0.5, "head": 2})
    ratio = {kind: group.settings["learning_rate"] / plain.groups[kind].settings["learning_rate"]
             for kind, group in other.groups.items()}  # fmt: skip
    assert ratio == {"filters": 0.5, "head": 2, "biases": 1, "whitening": 1}
    with pytest.raises(ValueError, match='rates has no setting "filter" .do you mean "filters"'):
        make(data, 1, 10, rates={"filter": 2})


def test_a_run_fills_its_minutes(data, second_steps, capsys):
    """A step of 5 images takes a second: 100 of them are planned as epochs of all images."""
    run = own_record.train_for(100 / 60, make, batch_size=5)
    planned = record.epochs_within(100, 1 / 5, data)
    assert f"planned: epochs {planned}, images 50, batch size 5\n" in capsys.readouterr().out
    assert planned > 1 and len(run.solver.loss_history) == 10 * planned <= 100
    assert run.trained == pytest.approx(10 * planned / 60)
    assert len(run.minutes) == len(run.accuracies) == planned + 1 and run.minutes == sorted(run.minutes)


@pytest.mark.parametrize(("minutes", "sizes"), [(2, [5, 5]), (3, [5, 10, 10])])
def test_the_batch_of_the_plan_is_measured(data, second_steps, minutes, sizes, monkeypatch):
    """The smallest batch is measured first, and a larger one if there is time for it; the last one is the run's."""
    made = []
    monkeypatch.setattr(record, "STEPS", 40)

    def noted(data, num_epochs, batch_size):
        made.append(make(data, num_epochs, batch_size))
        return made[-1]

    run = own_record.train_for(minutes, noted)
    assert [solver.batch_size for solver in made] == sizes
    assert run.solver is made[-1] and run.solver.num_epochs == record.epochs_within(60 * minutes, 1 / sizes[-1], data)


def test_a_run_too_short_for_an_epoch_has_fewer_images(data, second_steps, capsys):
    run = own_record.train_for(0.1, make)
    assert "epochs 1, images 20, batch size 5\n" in capsys.readouterr().out
    assert len(run.solver.loss_history) == 4


def test_a_plan_that_was_wrong_ends_in_time(data, second_steps, monkeypatch):
    """Steps that take a hundred times as long as measured make no run longer than it may be."""
    monkeypatch.setattr(own_record, "seconds_of_a_step", lambda solver: 0.01)
    run = own_record.train_for(0.2, make)
    assert run.solver.stopped_early and len(run.solver.loss_history) == 12


def test_the_accuracy_is_that_of_six_views_of_the_validation_images(data, second_steps):
    run = own_record.train_for(0.5, make)
    assert run.accuracy == record.accuracy(run.solver.model, data["X_val"], data["y_val"], views=6)
    own = run.line("Ada", "nothing")
    assert (own.name, own.accuracy, own.changed) == ("Ada", round(run.accuracy, 4), "nothing")
    assert own.processor and own.cores >= 1


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_minutes_are_positive(data, minutes):
    with pytest.raises(ValueError, match="minutes is .*, expected more than 0"):
        own_record.train_for(minutes, make)


# ---- the section of the notebook


def section():
    """The sources of the section's two code cells."""
    content = json.loads((ROOT / "assignments/assignment2/ConvolutionalNetworks.ipynb").read_text(encoding="utf-8"))
    sources = {cell["id"]: "".join(cell["source"]) for cell in content["cells"]}
    return sources["record"], sources["board"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 7, "rates": {"head": 2.0}, "most": 0, "label_smoothing": 0.0, "width": 12},
        {"flips": "random", "update_rule": "nesterov_momentum", "activation": "relu"},
        {"flips": None},
    ],
)
def test_the_section_runs_with_all_settings_that_it_names(settings, monkeypatch):
    """On few images; the learner's changes reach the solver."""
    plt = pytest.importorskip("matplotlib.pyplot")
    rng = np.random.RandomState(1)
    X, y = rng.randint(0, 256, (40, 3, 32, 32)).astype(np.uint8), rng.randint(10, size=40)
    few = {"X_train": X[:30], "y_train": y[:30], "X_val": X[30:], "y_val": y[30:]}
    monkeypatch.setattr(own_record, "get_CIFAR10_data", lambda **_: few)
    monkeypatch.setattr(own_record, "BATCH_SIZES", (10,))
    monkeypatch.setattr(record, "BATCH_SIZES", (10,))
    monkeypatch.setattr("IPython.display.display", lambda html: None)
    shown = []
    names = {"plt": plt, "show_figure": lambda alt: shown.append(plt.close("all"))}
    train, board = section()
    settings = {"minutes": 1e-4, "width": 8} | settings
    for name, value in settings.items():
        lines = train.splitlines()
        [at] = [i for i, text in enumerate(lines) if text.startswith(f"{name} = ")]
        lines[at] = f"{name} = {value!r}"
        train = "\n".join(lines)
    exec(train, names)
    exec(board, names)
    solver, net = names["run"].solver, names["run"].solver.model
    assert shown and net.widths[-1] == settings["width"]
    for name, value in settings.items():
        owner = net if hasattr(net, name) else solver
        found = getattr(owner, name, value)
        assert (found.__name__ if callable(found) else found) == value, name
