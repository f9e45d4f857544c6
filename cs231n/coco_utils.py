"""Captions: Microsoft COCO where its files are, else drawn scenes with captions, in the same dict.

The features of a scene come from the scene network in `cs231n/nets`, so they keep the position of what they show: each
row describes 6 x 6 places by 48 numbers each, place by place (`SceneNet.features`).
"""

import hashlib
import json
import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from cs231n._weights import read_npz, write_npz

NUM_TRAIN, NUM_VAL = 8000, 1700  # drawn scenes
TRAIN_SEED, VAL_SEED = 11, 12
PROJECT = Path(__file__).parent.parent
CACHE = PROJECT / "datasets" / "builtin" / "captions-v1.npz"
COURSE_FOLDER = Path("cs231n", "datasets", "coco_captioning")
BASE_DIR = PROJECT / COURSE_FOLDER
CAPTIONS = "coco2014_captions.h5"


def load_coco_data(base_dir=BASE_DIR, max_train=None, pca_features=True):
    """Load captions, and features of the images that they describe.

    Without COCO's files, the captions are those of drawn scenes of two things (`cs231n.scenes`): 8,000 for training and
    1,700 for validation. The first call computes the features of these scenes and writes them to `datasets/builtin`;
    later calls read that file. With CS231N_DATA=builtin in the environment, the scenes are always loaded.

    Parameters
    ----------
    base_dir : str or Path
        The folder with COCO's files; by default `cs231n/datasets/coco_captioning` or `datasets/coco_captioning`.
    max_train : int, optional
        Draw so many training captions, with replacement; all by default. The features stay as they are.
    pca_features : bool
        COCO only: features of 512 values instead of 4,096.

    Returns
    -------
    dict
        For each split, 'train' and 'val': ``<split>_captions``, int of shape (number, T), from <START> to <END>, then
        <NULL>; ``<split>_image_idxs``, the row of the image of each caption; ``<split>_features``, float32 of shape
        (number of images, D); ``<split>_urls``, strings. Besides, ``idx_to_word``, a list, and ``word_to_idx``, a dict.

    Raises
    ------
    FileNotFoundError
        If only some of COCO's files are there, or `base_dir` names another folder that has none.
    ModuleNotFoundError
        If COCO's files are there and h5py, which reads them, is not installed.
    ValueError
        If one of the files is damaged.
    """
    folder = _find_coco(Path(base_dir))
    return _drawn(_scenes() if folder is None else _read_coco(folder, pca_features), max_train)


def load_scene_captions(max_train=None):
    """Load the captions of the drawn scenes, whether COCO's files are there or not; see `load_coco_data`."""
    return _drawn(_scenes(), max_train)


def _drawn(data, max_train):
    """The data with `max_train` of the training captions, drawn with replacement, or with all of them for None."""
    if max_train is not None:
        chosen = np.random.randint(len(data["train_captions"]), size=max_train)
        data["train_captions"] = data["train_captions"][chosen]
        data["train_image_idxs"] = data["train_image_idxs"][chosen]
    return data


def decode_captions(captions, idx_to_word):
    """Turn captions of word indices into text: up to <END>, without <NULL>.

    Parameters
    ----------
    captions : integer ndarray of shape (T,) or (N, T)
    idx_to_word : list or dict

    Returns
    -------
    str, or list of str
        For one caption, or for several.

    Examples
    --------
    >>> words = ["<NULL>", "<START>", "<END>", "a", "fish"]
    >>> decode_captions(np.array([1, 3, 4, 2, 0]), words)
    '<START> a fish <END>'
    """
    captions = np.asarray(captions)
    if captions.ndim == 1:
        return _decode(captions, idx_to_word)
    return [_decode(caption, idx_to_word) for caption in captions]


def _decode(caption, idx_to_word):
    words = []
    for index in caption:
        word = idx_to_word[index]
        if word != "<NULL>":
            words.append(word)
        if word == "<END>":
            break
    return " ".join(words)


def sample_coco_minibatch(data, batch_size=100, split="train"):
    """Draw captions, with replacement, together with their images' features and URLs.

    Parameters
    ----------
    data : dict
        From `load_coco_data`.
    batch_size : int
    split : 'train' or 'val'

    Returns
    -------
    captions : ndarray of shape (batch_size, T)
    features : ndarray of shape (batch_size, D)
    urls : ndarray of str
    """
    chosen = np.random.choice(len(data[f"{split}_captions"]), batch_size)
    images = data[f"{split}_image_idxs"][chosen]
    return data[f"{split}_captions"][chosen], data[f"{split}_features"][images], data[f"{split}_urls"][images]


# ---- COCO


def _find_coco(base_dir):
    """Return the folder with COCO's files, or None if the drawn scenes should be used."""
    if os.environ.get("CS231N_DATA", "").lower() == "builtin":
        return None
    folders = [base_dir]
    if base_dir == BASE_DIR:
        folders += [COURSE_FOLDER, PROJECT / "datasets" / COURSE_FOLDER.name]
    found = next((folder for folder in folders if (folder / CAPTIONS).is_file()), None)
    if found is None and base_dir not in (BASE_DIR, COURSE_FOLDER):
        raise FileNotFoundError(
            f"base_dir is {str(base_dir)!r}, but that folder has no {CAPTIONS}. Leave it out to load drawn scenes."
        )
    return found


def _read_coco(folder, pca_features):
    """Read COCO's files."""
    ending = "_vgg16_fc7_pca.h5" if pca_features else "_vgg16_fc7.h5"
    features = {split: folder / f"{split}2014{ending}" for split in ("train", "val")}
    urls = {split: folder / f"{split}2014_urls.txt" for split in ("train", "val")}
    vocabulary = folder / "coco2014_vocab.json"
    missing = [path.name for path in (*features.values(), *urls.values(), vocabulary) if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has {CAPTIONS}, but lacks {', '.join(missing)}.")
    data = _read_h5(folder / CAPTIONS)
    for split in ("train", "val"):
        data[f"{split}_features"] = _read_h5(features[split])["features"]
        data[f"{split}_urls"] = np.array(urls[split].read_text().split())
    try:
        words = json.loads(vocabulary.read_text())
        return data | {name: words[name] for name in ("idx_to_word", "word_to_idx")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{vocabulary} is not COCO's vocabulary, it seems to be damaged: {error}") from error


def _read_h5(path):
    """Read all arrays of an HDF5 file."""
    try:
        import h5py  # only COCO's files need it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path.parent} has COCO's captions, but h5py, which reads them, is not installed: run `pip install h5py`, "
            "or set CS231N_DATA=builtin to load drawn scenes.",
            name="h5py",
        ) from error
    try:
        with h5py.File(path) as file:
            return {name: np.asarray(values) for name, values in file.items()}
    except OSError as error:
        raise ValueError(f"{path} cannot be read, it seems to be damaged: {error}") from error


# ---- drawn scenes


def caption_scenes(split):
    """The drawn scenes behind the captions of a split, 'train' or 'val', as `load_scenes` returns them."""
    number, seed = {"train": (NUM_TRAIN, TRAIN_SEED), "val": (NUM_VAL, VAL_SEED)}[split]
    return _draw(number, seed)


def scene_image(url):
    """Return the drawn scene that `load_coco_data` calls by a name such as 'scene:train/12', uint8 of (48, 48, 3)."""
    split, row = url.removeprefix("scene:").split("/")
    return _images(split)[int(row)]


@cache
def _images(split):
    return caption_scenes(split)["images"]


def _draw(number, seed):
    from cs231n.scenes import load_scenes

    return load_scenes(number, seed=seed, things=2)


def _scenes():
    """Captions of drawn scenes, in the form of COCO's."""
    from cs231n.scenes import VOCABULARY

    arrays = _captions_and_features()
    data = {"idx_to_word": list(VOCABULARY), "word_to_idx": {word: i for i, word in enumerate(VOCABULARY)}}
    for split in ("train", "val"):
        number = len(arrays[f"{split}_captions"])
        data[f"{split}_captions"] = arrays[f"{split}_captions"]
        data[f"{split}_image_idxs"] = np.arange(number)
        data[f"{split}_features"] = arrays[f"{split}_features"].astype(np.float32)
        data[f"{split}_urls"] = np.array([f"scene:{split}/{i}" for i in range(number)])
    return data


def _captions_and_features():
    """Read what an earlier call wrote, if it is whole and of the same network and scenes; else compute and write it."""
    origin = _origin()
    try:
        arrays = read_npz(CACHE)
        if str(arrays["origin"]) == origin:
            return arrays
    except (OSError, ValueError, KeyError, RuntimeError):  # not there, damaged, or of an earlier version
        pass
    arrays = _computed() | {"origin": np.array(origin)}
    try:
        write_npz(CACHE, arrays)
    except OSError as error:
        warnings.warn(f"The features were computed but could not be saved for next time: {error}", stacklevel=4)
    return arrays


def _origin():
    """Return a digest of all that the features depend on: the network, how scenes are drawn, and how many."""
    from cs231n.classifiers.scene_net import NETS

    first = _draw(1, TRAIN_SEED)
    settings = f"{NUM_TRAIN} {NUM_VAL} {TRAIN_SEED} {VAL_SEED}".encode()
    parts = (NETS / "scenes.npz").read_bytes(), first["images"].tobytes(), first["captions"].tobytes(), settings
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _computed():
    from cs231n.classifiers.scene_net import SceneNet
    from cs231n.net_visualization import preprocess

    net = SceneNet.load()
    arrays = {}
    for split in ("train", "val"):
        scenes = caption_scenes(split)
        arrays[f"{split}_captions"] = scenes["captions"]
        arrays[f"{split}_features"] = net.features(preprocess(scenes["images"])).astype(np.float16)
    return arrays
