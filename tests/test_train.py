"""`python -m coursekit train`: every net can be stopped and resumed, and says what it has reached."""

import hashlib
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from coursekit.learner import results_page, train
from coursekit.learner.recipes import captions, images, record, scenes, things
from coursekit.learner.recipes.run import Options
from coursekit.paths import ROOT
from cs231n import _weights, coco_utils
from cs231n.classifiers.scene_net import NETS, SceneNet
from cs231n.net_visualization import preprocess
from cs231n.scenes import load_scenes
from cs231n.solver import Solver

NETS_OF_TASKS = [net for nets in train.TASKS.values() for net in nets]
WHOLE = {
    module: dict(vars(module)) for module in (images, record, scenes, captions, things, coco_utils)
}  # before `small` changes it
SHIPPED_SHA256 = "70eb6acdc419286b730189ab6cb498542613dc331fa236a4bd219b951413e550"


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Few and small images, scenes and nets; folders of their own for weights and results."""
    np.random.seed(5)
    y = np.random.randint(3, size=90)
    X = (np.random.randn(90, 3, 8, 8) + y[:, None, None, None]).astype(np.float32)
    parts = {"train": slice(0, 70), "val": slice(70, 80), "test": slice(80, 90)}
    data = {f"{name}_{part}": a[where] for part, where in parts.items() for name, a in (("X", X), ("y", y))}
    monkeypatch.setattr(images, "get_CIFAR10_data", lambda **_: data)
    monkeypatch.setattr(images, "STAGES", [(4,), (6,)])
    monkeypatch.setattr(record, "get_CIFAR10_data", lambda **_: data)
    for name, value in {"WIDTH": 8, "BLOCKS": 2, "BATCH_SIZES": (10,), "PROBE": 10}.items():
        monkeypatch.setattr(record, name, value)
    monkeypatch.setattr(scenes, "STAGES", [(4,), (4,), (6,)])
    monkeypatch.setattr(scenes, "SIZES", {"validation": 10, "test": 20, "features": 30})
    monkeypatch.setattr(scenes, "SCENES", 70)
    monkeypatch.setattr("cs231n.classifiers.scene_net.NUM_COMPONENTS", 5)
    small_recipes = {net: captions.Recipe(8, 1e-3, 0.5) for net in captions.RECIPES}
    monkeypatch.setattr(captions, "SCENES", 70)
    monkeypatch.setattr(captions, "RECIPES", small_recipes)
    tiny = {"stages": ((2,), (2,), (3,))}
    for net, recipe in things.RECIPES.items():
        sizes = {"filters": (2, 3)} if net == "encoder_decoder" else tiny
        monkeypatch.setitem(things.RECIPES, net, recipe._replace(make=partial(recipe.make, **sizes)))
    monkeypatch.setattr(things, "SCENES", 70)
    monkeypatch.setattr(things, "HELD_OUT", 10)
    monkeypatch.setenv("CS231N_DATA", "builtin")
    monkeypatch.setattr(coco_utils, "CACHE", tmp_path / "builtin" / "captions-v1.npz")
    monkeypatch.setattr(coco_utils, "NUM_TRAIN", 40)
    monkeypatch.setattr(coco_utils, "NUM_VAL", 20)
    for module in (images, scenes, captions, things):
        monkeypatch.setattr(module, "BATCH_SIZE", 10)
    for module in (train, images, record, scenes, captions, things, _weights):
        monkeypatch.setattr(module, "SAVED", tmp_path / "saved")
    page = tmp_path / "results.md"
    page.write_text("# What the notebooks reach\n")
    monkeypatch.setattr(train, "write_section", lambda title, text: results_page.write_section(title, text, page))


@pytest.fixture
def weights(tmp_path):
    def read():
        [path] = (tmp_path / "saved").iterdir()
        return _weights.read_npz(path)

    return read


@pytest.mark.parametrize("net", NETS_OF_TASKS)
def test_a_stopped_and_resumed_run_ends_with_the_same_net(net, weights, tmp_path, monkeypatch, capsys):
    command = ["--net", net, "--epochs", "3"]
    assert train.train(command) == 0
    whole, reached = weights(), re.findall("(?:accuracy|held out), .*", capsys.readouterr().out)
    assert len(reached) >= 1

    class Killed(KeyboardInterrupt):
        pass

    step = Solver._step

    def stop_in_the_second_epoch(solver):
        if len(solver.loss_history) == 10:
            raise Killed
        step(solver)

    monkeypatch.setattr(Solver, "_step", stop_in_the_second_epoch)
    assert train.train([*command, "--fresh"]) == 130
    assert "resumes after epoch 1" in capsys.readouterr().out
    epochs = [path.stem[-1] for path in (tmp_path / "saved").glob("*_epoch_*.npz")]
    assert epochs == ["1"]  # only the newest checkpoint is kept

    monkeypatch.setattr(Solver, "_step", step)
    assert train.train(command) == 0
    out = capsys.readouterr().out
    assert "Resuming after epoch 1 of 3." in out
    assert re.findall("(?:accuracy|held out), .*", out) == reached
    for name, array in weights().items():
        np.testing.assert_array_equal(array, whole[name])


def test_a_mistake_in_a_file_for_sequences_does_not_stop_training_on_images():
    code = (
        "import sys; sys.modules['cs231n.rnn_layers'] = None; from coursekit.learner.train import train; train(['-h'])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0 and "--fresh" in result.stdout


def test_fresh_starts_over(monkeypatch, capsys):
    step = Solver._step

    def stop(solver):
        if len(solver.loss_history) == 10:
            raise KeyboardInterrupt
        step(solver)

    monkeypatch.setattr(Solver, "_step", stop)
    train.train(["--epochs", "2"])
    monkeypatch.setattr(Solver, "_step", step)
    assert train.train(["--epochs", "2", "--fresh"]) == 0
    assert "Resuming" not in capsys.readouterr().out


def test_stopped_while_the_data_is_prepared(monkeypatch, capsys):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(captions, "load_coco_data", stop)
    assert train.train(["--task", "caption"]) == 130
    assert "Stopped before the first step" in capsys.readouterr().out


def test_the_bar_counts_all_steps(capsys):
    train.train(["--epochs", "2"])
    assert re.search(r"100%.* 14/14 .*loss \d.*validation", capsys.readouterr().err)
    train.train(["--net", "rnn", "--epochs", "2"])
    assert re.search(r"100%.* 14/14 .*loss \d", capsys.readouterr().err)


@pytest.mark.parametrize(
    "command, net",
    [
        ([], "deep_convnet"),
        (["--task", "classify"], "deep_convnet"),
        (["--task", "caption"], "transformer"),
        (["--net", "lstm"], "lstm"),
        (["--task", "detect"], "single_shot"),
        (["--task", "segment"], "encoder_decoder"),
        (["--task", "instances"], "mask_rcnn"),
        (["--net", "scene_net", "--task", "classify"], "scene_net"),
    ],
)
def test_which_net_is_trained(command, net, tmp_path, capsys):
    assert train.train([*command, "--epochs", "1"]) == 0
    assert [path.name.startswith(f"{net}_") for path in (tmp_path / "saved").iterdir()] == [True]


@pytest.mark.parametrize("net", NETS_OF_TASKS)
def test_the_page_has_a_section_with_the_command_that_repeats_it(net, tmp_path, capsys):
    train.train(["--net", net, "--epochs", "1"])
    text = (tmp_path / "results.md").read_text()
    again = re.search("`python -m coursekit train (.*)`", text)[1].split()
    train.train(again)
    assert (tmp_path / "results.md").read_text().count("\n## ") == text.count("\n## ") == 1
    assert len(list((tmp_path / "saved").iterdir())) == 1


@pytest.mark.parametrize(
    "command, message",
    [
        ("--net rnn --task classify", "rnn does not classify: choose from deep_convnet, record, scene_net"),
        ("--net scene_net --task caption", "scene_net does not caption: choose from transformer, lstm, rnn"),
        ("--scenes 100", "deep_convnet is not trained on drawn scenes"),
        ("--net record --scenes 100", "record is not trained on drawn scenes"),
        ("--minutes 3", "--minutes is for record alone"),
        ("--net rnn --width 64", "--width is for record alone"),
        ("--net record --minutes 3 --epochs 2", "--minutes decides how many epochs there are: leave --epochs out"),
        ("--net rnn --out file.npz", "--out is for scene_net alone"),
        ("--epochs 0", "0 is not 1 or more"),
    ],
)
def test_what_does_not_fit_together_is_refused(command, message, capsys):
    with pytest.raises(SystemExit):
        train.train(command.split())
    assert message in capsys.readouterr().err


# ---- the record recipe


def test_a_run_for_some_minutes_is_planned_once(monkeypatch, capsys):
    """The plan follows from a measured step; a stopped run is resumed with its plan, whatever a step takes now."""
    step, seconds = Solver._step, {8: 1.0, 4: 0.1}
    monkeypatch.setattr(record, "LEAST_EPOCHS", {8: 3, 4: 1})
    monkeypatch.setattr(record, "seconds_per_image", lambda width, data: seconds[width])

    def stop(solver):
        if len(solver.loss_history) == 10:
            raise KeyboardInterrupt
        step(solver)

    command = ["--net", "record", "--minutes", "1"]
    monkeypatch.setattr(Solver, "_step", stop)
    assert train.train(command) == 130
    planned = re.search(r"100.0 ms for an image and width 4: (\d+) epochs take about 1 min", capsys.readouterr().out)
    assert planned
    monkeypatch.setattr(Solver, "_step", step)
    seconds.update({8: 0.01, 4: 0.01})
    assert train.train(command) == 0
    out = capsys.readouterr().out
    assert f"Resuming after epoch 1 of {planned[1]}." in out and "ms for an image" not in out
    assert re.search("accuracy, test, six views: [01].[0-9]{3}", out)


def test_fresh_forgets_the_plan(tmp_path, monkeypatch, capsys):
    seconds = {8: 1.0}
    monkeypatch.setattr(record, "LEAST_EPOCHS", {8: 1})
    monkeypatch.setattr(record, "seconds_per_image", lambda width, data: seconds[width])
    step = Solver._step

    def stop(solver):
        if len(solver.loss_history) == 3:
            raise KeyboardInterrupt
        step(solver)

    command = ["--net", "record", "--minutes", "5"]
    monkeypatch.setattr(Solver, "_step", stop)
    assert train.train(command) == 130
    seconds[8] = 0.6
    assert train.train([*command, "--fresh"]) == 130
    assert capsys.readouterr().out.count("ms for an image") == 2
    assert len(list((tmp_path / "saved").iterdir())) == 1  # the checkpoint of the new run alone


def test_the_test_set_is_scored_once_and_at_the_end(monkeypatch, capsys):
    """The images of the test set reach the net after the last step: once as they are, once in six views."""
    data, seen = record.get_CIFAR10_data(), []
    data["X_test"] = data["X_test"] + 1000
    loss = record.RecordNet.loss

    def watched(net, X, y=None):
        seen.append("step" if y is not None else "test" if X.max() > 500 else "other")
        return loss(net, X, y)

    monkeypatch.setattr(record, "get_CIFAR10_data", lambda **_: data)
    monkeypatch.setattr(record.RecordNet, "loss", watched)
    assert train.train(["--net", "record", "--epochs", "2"]) == 0
    assert seen.count("step") == 14 and seen.count("test") == 7
    assert "test" not in seen[: -seen[::-1].index("step")]


@pytest.mark.parametrize("epochs, size", [(16, 1000), (4, 1000), (3, 500), (1, 250)])
def test_short_runs_have_smaller_batches(epochs, size, monkeypatch):
    """As large as they can be with at least 190 steps."""
    monkeypatch.setattr(record, "BATCH_SIZES", WHOLE[record]["BATCH_SIZES"])
    assert record.batch_size_for(epochs, 49_000) == size


@pytest.mark.parametrize("minutes", [1, 7, 60])
def test_as_many_epochs_as_fit(minutes):
    """One epoch more would take longer than the minutes, with some to spare."""
    data = {"X_train": range(49_000), "X_val": range(1000), "X_test": range(10_000)}
    epochs = record.epochs_within(60 * minutes, 1e-3, data)
    available = (1 - record.SPARE) * 60_000 * minutes
    assert record._image_steps(epochs, data) <= available < record._image_steps(epochs + 1, data)


def test_a_step_is_measured():
    data = record.get_CIFAR10_data()
    assert 0 < record.seconds_per_image(8, data) < 1


# ---- captions


@pytest.mark.parametrize("number", [25, 40, 71])
def test_more_scenes_follow_those_of_the_notebooks(number, monkeypatch):
    monkeypatch.setattr(captions, "AT_A_TIME", 20)
    run = captions.prepare(Options("transformer", epochs=1, scenes=number))
    data, plain = run.solver.data, coco_utils.load_coco_data()
    assert {len(data[f"train_{name}"]) for name in ("captions", "features", "image_idxs", "urls")} == {number}
    first = min(number, 40)
    np.testing.assert_array_equal(data["train_captions"][:first], plain["train_captions"][:first])
    np.testing.assert_array_equal(data["train_features"][:first], plain["train_features"][:first])
    if number == 71:  # 20 scenes of one more seed, then 11 of the next
        last = load_scenes(11, seed=captions.MORE_SEED + 1, things=2)
        np.testing.assert_array_equal(data["train_captions"][60:], last["captions"])
        expected = SceneNet.load().features(preprocess(last["images"]))
        np.testing.assert_allclose(data["train_features"][60:], expected, rtol=1e-5, atol=1e-5)


def test_a_transformer_sees_every_place():
    model = captions.prepare(Options("transformer", epochs=1)).solver.model
    assert model.num_places == 36


def test_captions_of_coco_where_they_are(tmp_path, monkeypatch, capsys):
    """Features of an image as a whole: one place."""
    data = coco_utils.load_coco_data()
    for split in ("train", "val"):
        data[f"{split}_features"] = data[f"{split}_features"][:, :100]
        data[f"{split}_urls"] = np.char.add("http://", data[f"{split}_urls"])
    monkeypatch.setattr(captions, "load_coco_data", lambda: data)
    assert captions.prepare(Options("transformer", epochs=1)).solver.model.num_places == 1
    assert train.train(["--net", "lstm", "--epochs", "1"]) == 0
    assert "## COCO: lstm, 40 captions, 1 epochs" in (tmp_path / "results.md").read_text()
    with pytest.raises(SystemExit, match="leave --scenes out"):
        train.train(["--net", "lstm", "--scenes", "50"])


# ---- the network whose weights are shipped


def test_the_shipped_weights_are_those_of_the_recipe():
    data = (NETS / "scenes.npz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHIPPED_SHA256
    assert len(data) <= 2**20


def test_the_shipped_network_keeps_its_accuracy(monkeypatch):
    """On 2,000 scenes that neither its training nor its features have seen."""
    monkeypatch.setattr(scenes, "SIZES", {"test": 2000})
    assert scenes.accuracy(SceneNet.load(), seed=20_231) >= 0.95


def test_a_small_network_learns_from_few_scenes(tmp_path, monkeypatch, capsys):
    """The whole way from scenes to a file of weights; chance is 1 of 80."""
    monkeypatch.setattr(scenes, "STAGES", ((12,), (24,), (48,)))
    monkeypatch.setattr(scenes, "SIZES", {"validation": 100, "test": 500, "features": 100})
    monkeypatch.setattr(scenes, "BATCH_SIZE", 20)
    monkeypatch.setattr("cs231n.classifiers.scene_net.NUM_COMPONENTS", 20)
    out = tmp_path / "nets" / "small.npz"
    assert train.train(["--net", "scene_net", "--scenes", "1500", "--epochs", "6", "--out", str(out)]) == 0
    net = SceneNet.load(out)
    assert net.stages == ((12,), (24,), (48,))
    assert scenes.accuracy(net) > 4 / 80
    features = net.features(preprocess(load_scenes(200, seed=9, things=2)["images"]))
    assert features.shape == (200, 36 * 20)
    assert abs(features.mean()) < 0.2 and features.std() == pytest.approx(1, abs=0.2)
    with np.load(out) as file:
        assert {file[name].dtype for name in file.files if name != "stages"} == {np.dtype(np.float16)}


# ---- whole runs, which take minutes


@pytest.fixture
def whole(monkeypatch):
    """The recipes as they are."""
    for module, names in WHOLE.items():
        for name in ("STAGES", "SIZES", "SCENES", "RECIPES", "BATCH_SIZE", "CACHE", "NUM_TRAIN", "NUM_VAL"):
            if name in names:
                monkeypatch.setattr(module, name, names[name])
    monkeypatch.setattr("cs231n.classifiers.scene_net.NUM_COMPONENTS", captions.NUM_COMPONENTS)


@pytest.mark.slow
def test_the_recipe_makes_a_network_as_good_as_the_shipped_one(whole, tmp_path):
    out = tmp_path / "scenes.npz"
    assert train.train(["--net", "scene_net", "--out", str(out)]) == 0
    assert scenes.accuracy(SceneNet.load(out)) >= 0.95
    assert out.stat().st_size <= 2**20


@pytest.mark.slow
def test_a_transformer_writes_four_of_five_captions_word_for_word(whole, capsys):
    assert train.train(["--task", "caption"]) == 0
    reached = re.search("exact captions, held out: (.*)", capsys.readouterr().out)[1]
    assert float(reached) >= 0.8
