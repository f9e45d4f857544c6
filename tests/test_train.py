"""`python -m coursekit train`: every net can be stopped and resumed, and says what it has reached."""

import hashlib
import re

import numpy as np
import pytest

from coursekit.learner import results_page, train
from coursekit.learner.recipes import captions, images, scenes
from coursekit.learner.recipes.run import Options
from cs231n import _weights, coco_utils
from cs231n.classifiers.scene_net import NETS, SceneNet
from cs231n.net_visualization import preprocess
from cs231n.scenes import load_scenes
from cs231n.solver import Solver

NETS_OF_TASKS = [net for nets in train.TASKS.values() for net in nets]
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
    monkeypatch.setattr(scenes, "STAGES", [(4,), (4,), (6,)])
    monkeypatch.setattr(scenes, "SIZES", {"validation": 10, "test": 20, "features": 30})
    monkeypatch.setattr(scenes, "SCENES", 70)
    monkeypatch.setattr("cs231n.classifiers.scene_net.NUM_COMPONENTS", 5)
    small_recipes = {net: captions.Recipe(8, 1e-3, 2, 70) for net in captions.RECIPES}
    monkeypatch.setattr(captions, "RECIPES", small_recipes)
    monkeypatch.setenv("CS231N_DATA", "builtin")
    monkeypatch.setattr(coco_utils, "CACHE", tmp_path / "builtin" / "captions-v1.npz")
    monkeypatch.setattr(coco_utils, "NUM_TRAIN", 40)
    monkeypatch.setattr(coco_utils, "NUM_VAL", 20)
    for module in (images, scenes, captions):
        monkeypatch.setattr(module, "BATCH_SIZE", 10)
    for module in (train, images, scenes, captions, _weights):
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
    whole, reached = weights(), re.findall("accuracy, .*", capsys.readouterr().out)
    assert len(reached) >= 2

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
    assert re.findall("accuracy, .*", out) == reached
    for name, array in weights().items():
        np.testing.assert_array_equal(array, whole[name])


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
        ("--net rnn --task classify", "rnn does not classify: choose from deep_convnet, scene_net"),
        ("--net scene_net --task caption", "scene_net does not caption: choose from transformer, lstm, rnn"),
        ("--scenes 100", "deep_convnet is not trained on drawn scenes"),
        ("--net rnn --out file.npz", "--out is for scene_net alone"),
        ("--epochs 0", "0 is not 1 or more"),
    ],
)
def test_what_does_not_fit_together_is_refused(command, message, capsys):
    with pytest.raises(SystemExit):
        train.train(command.split())
    assert message in capsys.readouterr().err


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
