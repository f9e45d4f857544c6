"""Captions: Microsoft COCO where its files are, else drawn scenes with captions, in the same dict.

The features of a scene come from the scene network in `cs231n/nets`, so they keep the position of what they show: each
row describes 6 x 6 places by 48 numbers each, place by place (`SceneNet.features`).
"""

import json
from pathlib import Path

import numpy as np

from cs231n._weights import read_npz, write_npz

NUM_TRAIN, NUM_VAL = 8000, 1700  # drawn scenes
TRAIN_SEED, VAL_SEED = 11, 12
CACHE = Path(__file__).parent.parent / "datasets" / "builtin" / "captions-v1.npz"
BASE_DIR = Path(__file__).parent / "datasets" / "coco_captioning"


def load_coco_data(base_dir=BASE_DIR, max_train=None, pca_features=True):
    """Load captions, and features of the images that they describe.

    Without COCO's files in `base_dir`, the captions are those of drawn scenes of two things (`cs231n.scenes`): 8,000
    for training and 1,700 for validation.

    Parameters
    ----------
    base_dir : str or Path
        The folder with COCO's files.
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
        If only some of COCO's files are there.
    """
    base_dir = Path(base_dir)
    has_coco = (base_dir / "coco2014_captions.h5").exists()
    data = _read_coco(base_dir, pca_features) if has_coco else _scenes()
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


def _read_coco(base_dir, pca_features):
    """Read COCO's files."""
    import h5py  # only COCO needs it

    data = {}
    with h5py.File(base_dir / "coco2014_captions.h5") as file:
        data |= {name: np.asarray(values) for name, values in file.items()}
    ending = "_vgg16_fc7_pca.h5" if pca_features else "_vgg16_fc7.h5"
    for split in ("train", "val"):
        with h5py.File(base_dir / f"{split}2014{ending}") as file:
            data[f"{split}_features"] = np.asarray(file["features"])
        urls = (base_dir / f"{split}2014_urls.txt").read_text().split()
        data[f"{split}_urls"] = np.asarray(urls)
    return data | json.loads((base_dir / "coco2014_vocab.json").read_text())


# ---- drawn scenes


def caption_scenes(split):
    """The drawn scenes behind the captions of a split, 'train' or 'val', as `load_scenes` returns them."""
    from cs231n.scenes import load_scenes

    number, seed = {"train": (NUM_TRAIN, TRAIN_SEED), "val": (NUM_VAL, VAL_SEED)}[split]
    return load_scenes(number, seed=seed, things=2)


def _scenes():
    """Captions of drawn scenes, in the form of COCO's; the features are computed once and kept on disk."""
    from cs231n.scenes import VOCABULARY

    features = _features()
    data = {"idx_to_word": list(VOCABULARY), "word_to_idx": {word: i for i, word in enumerate(VOCABULARY)}}
    for split in ("train", "val"):
        scenes = caption_scenes(split)
        number = len(scenes["captions"])
        data[f"{split}_captions"] = scenes["captions"]
        data[f"{split}_image_idxs"] = np.arange(number)
        data[f"{split}_features"] = features[split].astype(np.float32)
        data[f"{split}_urls"] = np.array([f"scene:{split}/{i}" for i in range(number)])
    return data


def _features():
    """The features of all scenes, from the file that an earlier call wrote, or computed now."""
    from cs231n.classifiers.scene_net import SceneNet
    from cs231n.net_visualization import preprocess

    if CACHE.exists():
        return read_npz(CACHE)
    net = SceneNet.load()
    features = {split: net.features(preprocess(caption_scenes(split)["images"])) for split in ("train", "val")}
    features = {split: values.astype(np.float16) for split, values in features.items()}
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    write_npz(CACHE, features)
    return features
