"""Captions: COCO's files are read to the bit, drawn scenes take their place, and a damaged file is found."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cs231n import coco_utils
from cs231n.classifiers import scene_net
from cs231n.classifiers.scene_net import SceneNet
from cs231n.coco_utils import decode_captions, load_coco_data, sample_coco_minibatch
from cs231n.net_visualization import preprocess
from cs231n.scenes import VOCABULARY, describe, load_scenes

WORDS = ["<NULL>", "<START>", "<END>", "<UNK>", "a", "dog", "cat"]

# ---- captions as text, and batches


def test_decode_captions():
    """Up to <END>, without <NULL>: a string for one caption, a list for several; from a list or a dict of words."""
    captions = np.array([[1, 4, 5, 2, 0], [1, 0, 6, 2, 4], [3, 3, 3, 3, 3]])
    texts = ["<START> a dog <END>", "<START> cat <END>", "<UNK> <UNK> <UNK> <UNK> <UNK>"]
    assert decode_captions(captions, WORDS) == texts
    assert decode_captions(captions, dict(enumerate(WORDS))) == texts
    assert decode_captions(captions[0], WORDS) == texts[0]
    assert decode_captions(captions.tolist(), WORDS) == texts
    assert decode_captions(captions[:1], WORDS) == texts[:1]
    assert decode_captions(captions[:0], WORDS) == []


def test_minibatch_is_drawn_with_replacement_and_fits_together():
    data = {
        "val_captions": np.arange(40).reshape(20, 2),
        "val_image_idxs": np.arange(20) % 7,
        "val_features": 10.0 * np.arange(7).reshape(7, 1),
        "val_urls": np.array([f"image {i}" for i in range(7)]),
    }
    np.random.seed(4)
    captions, features, urls = sample_coco_minibatch(data, batch_size=50, split="val")
    np.random.seed(4)
    rows = np.random.choice(20, 50)
    np.testing.assert_array_equal(captions, data["val_captions"][rows])
    np.testing.assert_array_equal(features, 10.0 * (rows % 7)[:, np.newaxis])
    assert urls.tolist() == [f"image {i % 7}" for i in rows]


# ---- COCO's files


@pytest.fixture
def coco(tmp_path):
    """A folder with small files in the published layout, and what is in them."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: COCO's files cannot be read")
    rng = np.random.RandomState(2)
    arrays = {
        "train_captions": rng.randint(4, 7, size=(30, 17)).astype(np.int32),
        "train_image_idxs": rng.randint(12, size=30).astype(np.int32),
        "val_captions": rng.randint(4, 7, size=(9, 17)).astype(np.int32),
        "val_image_idxs": rng.randint(5, size=9).astype(np.int32),
    }
    with h5py.File(tmp_path / coco_utils.CAPTIONS, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    for split, number in (("train", 12), ("val", 5)):
        for ending, width in (("_pca", 512), ("", 4096)):
            features = rng.randn(number, width).astype(np.float32)
            with h5py.File(tmp_path / f"{split}2014_vgg16_fc7{ending}.h5", "w") as file:
                file["features"] = features
            arrays[f"{split}_features{ending}"] = features
        urls = [f"http://images/{split}_{i}.jpg" for i in range(number)]
        (tmp_path / f"{split}2014_urls.txt").write_text("\n".join(urls) + "\n")
        arrays[f"{split}_urls"] = urls
    vocabulary = {"idx_to_word": WORDS, "word_to_idx": {word: i for i, word in enumerate(WORDS)}}
    (tmp_path / "coco2014_vocab.json").write_text(json.dumps(vocabulary))
    return tmp_path, arrays | vocabulary


@pytest.mark.parametrize("pca_features, ending", [(True, "_pca"), (False, "")])
def test_coco_is_read_to_the_bit(coco, pca_features, ending):
    folder, written = coco
    data = load_coco_data(folder, pca_features=pca_features)
    assert len(data) == 10
    for split in ("train", "val"):
        for name in ("captions", "image_idxs"):
            np.testing.assert_array_equal(data[f"{split}_{name}"], written[f"{split}_{name}"], strict=True)
        np.testing.assert_array_equal(data[f"{split}_features"], written[f"{split}_features{ending}"], strict=True)
        assert data[f"{split}_urls"].tolist() == written[f"{split}_urls"]
    assert data["idx_to_word"] == WORDS and data["word_to_idx"]["dog"] == 5


def test_max_train_draws_captions_and_leaves_the_features(coco):
    folder, written = coco
    np.random.seed(8)
    data = load_coco_data(str(folder), max_train=40)
    np.random.seed(8)
    rows = np.random.randint(30, size=40)  # with replacement: more than there are
    np.testing.assert_array_equal(data["train_captions"], written["train_captions"][rows])
    np.testing.assert_array_equal(data["train_image_idxs"], written["train_image_idxs"][rows])
    assert len(data["train_features"]) == len(data["train_urls"]) == 12 and len(data["val_captions"]) == 9


@pytest.mark.parametrize("where", ["package", "working folder", "datasets"])
def test_coco_is_found_where_the_course_and_its_downloads_put_it(coco, monkeypatch, tmp_path_factory, where):
    folder, written = coco
    monkeypatch.delenv("CS231N_DATA", raising=False)
    root = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(root)
    base = root / "package"
    monkeypatch.setattr(coco_utils, "BASE_DIR", base)
    monkeypatch.setattr(coco_utils, "PROJECT", root / "project")
    places = {
        "package": base,
        "working folder": root / "cs231n/datasets/coco_captioning",
        "datasets": root / "project/datasets/coco_captioning",
    }
    shutil.copytree(folder, places[where])
    np.testing.assert_array_equal(load_coco_data(base)["val_captions"], written["val_captions"])


def test_files_that_are_missing_are_named(coco):
    folder, _ = coco
    (folder / "val2014_vgg16_fc7_pca.h5").unlink()
    (folder / "train2014_urls.txt").unlink()
    with pytest.raises(FileNotFoundError, match="lacks val2014_vgg16_fc7_pca.h5, train2014_urls.txt"):
        load_coco_data(folder)


def test_a_named_folder_without_captions_is_an_error(tmp_path, monkeypatch):
    monkeypatch.delenv("CS231N_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="base_dir is .*elsewhere.*has no coco2014_captions.h5"):
        load_coco_data(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", [coco_utils.CAPTIONS, "train2014_vgg16_fc7_pca.h5"])
def test_a_damaged_file_is_named(coco, name):
    folder, _ = coco
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 3])
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        load_coco_data(folder)


def test_without_h5py_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("CS231N_DATA", raising=False)
    names = [f"{split}2014{ending}" for split in ("train", "val") for ending in ("_vgg16_fc7_pca.h5", "_urls.txt")]
    for name in (*names, coco_utils.CAPTIONS, "coco2014_vocab.json"):
        (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match="pip install h5py"):
        load_coco_data(tmp_path)


# ---- drawn scenes


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """A few scenes, and a folder of their own for the cache; the list has an entry for each time they are computed."""
    monkeypatch.setenv("CS231N_DATA", "builtin")
    monkeypatch.setattr(coco_utils, "CACHE", tmp_path / "builtin" / "captions-v1.npz")
    monkeypatch.setattr(coco_utils, "NUM_TRAIN", 30)
    monkeypatch.setattr(coco_utils, "NUM_VAL", 8)
    calls, features = [], SceneNet.features

    def counted(net, X):
        calls.append(len(X))
        return features(net, X)

    monkeypatch.setattr(SceneNet, "features", counted)
    return calls


def test_scenes_have_the_form_of_coco(scenes):
    data = load_coco_data()
    drawn = load_scenes(30, seed=coco_utils.TRAIN_SEED, things=2)
    np.testing.assert_array_equal(data["train_captions"], drawn["captions"])
    assert data["idx_to_word"] == list(VOCABULARY)
    assert [data["word_to_idx"][word] for word in data["idx_to_word"]] == list(range(len(VOCABULARY)))
    text = decode_captions(data["train_captions"][3], data["idx_to_word"])
    assert text == f"<START> {describe(drawn['captions'][3])} <END>"
    expected = SceneNet.load().features(preprocess(drawn["images"]))
    assert data["train_features"].dtype == np.float32 and data["train_features"].shape == (30, 36 * 48)
    np.testing.assert_allclose(data["train_features"], expected, rtol=2e-3, atol=1e-4)  # they are kept in float16
    assert data["val_image_idxs"].tolist() == list(range(8)) and len(data["val_urls"]) == 8


def test_computed_once_then_read(scenes):
    first, second = load_coco_data(), load_coco_data(max_train=5)
    assert scenes == [30, 8]
    np.testing.assert_array_equal(second["train_features"], first["train_features"])
    assert len(second["train_captions"]) == 5
    assert [path.name for path in coco_utils.CACHE.parent.iterdir()] == ["captions-v1.npz"]


def test_another_network_makes_other_features(scenes, tmp_path, monkeypatch):
    """The cache belongs to the weights that are shipped: with others, it is computed again."""
    before = load_coco_data()["val_features"]
    net = SceneNet.load()
    net.params["b1"] = net.params["b1"] + 1
    monkeypatch.setattr(scene_net, "NETS", tmp_path)
    net.save(tmp_path / "scenes.npz")
    monkeypatch.setattr(SceneNet, "load", lambda: net)
    after = load_coco_data()["val_features"]
    assert scenes == [30, 8, 30, 8] and np.abs(after - before).max() > 0.1


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    return data[:-20000] + bytes([data[-20000] ^ 1]) + data[-19999:]


def nonsense(data):
    return b"nonsense" * 9


@pytest.mark.parametrize("damage", [cut, flip, nonsense])
def test_a_damaged_cache_is_written_again(scenes, damage):
    first = load_coco_data()
    coco_utils.CACHE.write_bytes(damage(coco_utils.CACHE.read_bytes()))
    for _ in range(2):
        data = load_coco_data()
        np.testing.assert_array_equal(data["val_features"], first["val_features"])
    assert scenes == [30, 8, 30, 8]


def test_a_cache_of_an_earlier_version_is_written_again(scenes):
    coco_utils.CACHE.parent.mkdir()
    np.savez(coco_utils.CACHE, train=np.zeros((30, 4)), val=np.zeros((8, 4)))
    assert load_coco_data()["val_features"].shape == (8, 36 * 48)


def test_a_folder_that_is_not_writeable_gives_the_data_and_a_warning(scenes, tmp_path, monkeypatch):
    """As in a sandbox, where the data sets can only be read."""
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    monkeypatch.setattr(coco_utils, "CACHE", blocked / "captions-v1.npz")
    with pytest.warns(UserWarning, match="could not be saved"):
        data = load_coco_data()
    assert data["train_features"].shape == (30, 36 * 48)


def test_a_killed_write_leaves_no_file(scenes, monkeypatch):
    def killed(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        load_coco_data()
    assert list(coco_utils.CACHE.parent.iterdir()) == []


def test_importing_needs_no_h5py():
    code = "import sys; sys.modules['h5py'] = None; import cs231n.coco_utils, cs231n.captioning_solver"
    folder = Path(coco_utils.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(folder)})
