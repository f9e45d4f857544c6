"""Load the images that the notebooks work on.

`load_CIFAR10` and `get_CIFAR10_data` read the published CIFAR-10 files if they are found, and otherwise the built-in
images, with the same shapes. Images have shape (N, 32, 32, 3), with height, width and channels in this order, and
values from 0 to 255; labels are int64 of shape (N,). Every row of a training batch is used, in the published order.

The published files are pickles, and a pickle can run any program when it is opened. `load_pickle` runs none.
"""

import io
import os
import zipfile
from pathlib import Path

import numpy as np

from cs231n._errors import require_whole
from cs231n._safe_pickle import UnsafePickleError, read_pickle, single_object  # noqa: F401 - load_pickle raises it

PACKAGE = Path(__file__).resolve().parent
PROJECT = PACKAGE.parent

CIFAR10_FOLDER = "cifar-10-batches-py"
COURSE_FOLDER = ("cs231n", "datasets", CIFAR10_FOLDER)  # in every notebook of the course, also without CIFAR-10
TRAIN_FILES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_FILE = "test_batch"
CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

HOW_TO_GET_CIFAR10 = "To download all files again, remove its folder and run: python datasets/get_datasets.py"
HOW_TO_GET_IMAGENET = "Download the file again from the course's site"


def load_pickle(f):
    """Read a pickle of plain data, such as a CIFAR-10 or CIFAR-100 file.

    Text written by Python 2 is decoded as latin1. A file that asks for anything but numbers, text, lists, dicts and
    numeric arrays is refused, and none of it is run.

    Parameters
    ----------
    f : binary file
        Open for reading.

    Returns
    -------
    object
        The pickled data; for CIFAR-10 a dict with `data` of shape (N, 3072) and `labels`, a list of N integers.

    Raises
    ------
    UnsafePickleError
        (a `pickle.UnpicklingError`) If the file asks for something forbidden; the message names both.
    ValueError
        If the file is damaged or cut short.

    Examples
    --------
    >>> import pickle
    >>> load_pickle(io.BytesIO(pickle.dumps({"labels": [3, 8]})))
    {'labels': [3, 8]}
    """
    if not hasattr(f, "read"):
        raise TypeError(f"load_pickle takes an open file, not {f!r}: with open(path, 'rb') as f: load_pickle(f)")
    return read_pickle(f, getattr(f, "name", "the pickle"), HOW_TO_GET_CIFAR10)


# ---- CIFAR-10 ------------------------------------------------------------------------------------------------------


def load_CIFAR_batch(filename, dtype=np.float64):
    """Read one CIFAR-10 batch, with any number of rows.

    Parameters
    ----------
    filename : str or path
        A file such as `data_batch_1`.
    dtype : NumPy dtype
        Of the images; `np.uint8` takes an eighth of the memory of the default.

    Returns
    -------
    X : array of shape (N, 32, 32, 3)
    y : int64 array of shape (N,)

    Raises
    ------
    UnsafePickleError, ValueError
        If the file is not a CIFAR-10 batch; see `load_pickle`.
    """
    return _stack_batches([_read_batch(filename)], dtype)


def load_CIFAR10(ROOT=None, dtype=np.float64):
    """Load CIFAR-10, or the built-in images if CIFAR-10 is not on this machine.

    Searches `ROOT`, the folder named by the environment variable CS231N_DATA, `datasets` and `cs231n/datasets`. With
    CS231N_DATA=builtin, the built-in images are always loaded. `dataset_name` returns which data set it is.

    A folder that is named must have the batches, with one exception: the course's notebooks all name
    `cs231n/datasets/cifar-10-batches-py`, and where there is no such folder, the search goes on.

    Parameters
    ----------
    ROOT : str or path, optional
        The folder of the batches, usually `cs231n/datasets/cifar-10-batches-py`.
    dtype : NumPy dtype
        Of the images: 184 MB for `np.uint8`, 737 MB for `np.float32`, 1.5 GB for the default.

    Returns
    -------
    Xtr : array of shape (50000, 32, 32, 3)
    Ytr : int64 array of shape (50000,)
    Xte : array of shape (10000, 32, 32, 3)
    Yte : int64 array of shape (10000,)

    Raises
    ------
    FileNotFoundError
        If a folder contains some of the batches but not all, or ROOT or CS231N_DATA names a folder without any; the
        message says what is in it.
    UnsafePickleError, ValueError
        If a batch is damaged; see `load_pickle`.
    """
    dtype = _pixel_dtype(dtype)
    folder = _find_cifar10(ROOT)
    if folder is None:
        return _load_builtin(dtype)
    Xtr, Ytr = _stack_batches([_read_batch(folder / name) for name in TRAIN_FILES], dtype)
    Xte, Yte = load_CIFAR_batch(folder / TEST_FILE, dtype)
    return Xtr, Ytr, Xte, Yte


def get_CIFAR10_data(num_training=49000, num_validation=1000, num_test=1000, subtract_mean=True, dtype=np.float64):
    """Load CIFAR-10 (or the built-in images) and prepare it for a neural network.

    Of the published training images, the first `num_training` are the training set and the next `num_validation` the
    validation set. The mean image of the training set is subtracted from all three sets, and the channels move in
    front of height and width.

    Parameters
    ----------
    num_training, num_validation, num_test : int
        Size of each set.
    subtract_mean : bool
        Whether to subtract the mean image.
    dtype : NumPy dtype
        Of the images; `np.float32` takes half the memory of the default.

    Returns
    -------
    dict
        `X_train`, `X_val`, `X_test` of shape (N, 3, 32, 32); `y_train`, `y_val`, `y_test` of shape (N,), int64.

    Raises
    ------
    ValueError
        If there are fewer images than requested, or `dtype` cannot hold the difference from the mean.
    """
    dtype = _pixel_dtype(dtype)
    if subtract_mean and dtype.kind != "f":
        raise ValueError(f"dtype {dtype} cannot hold negative fractions: use np.float32 or subtract_mean=False")
    # One byte per value until the end, so that the float copies are the only large arrays.
    Xtr, Ytr, Xte, Yte = load_CIFAR10(dtype=np.uint8)
    val_end = num_training + num_validation
    _check_rows(len(Xtr), num_training=num_training, num_validation=num_validation)
    _check_rows(len(Xte), num_test=num_test)
    mean_image = _mean_image(Xtr[:num_training]) if subtract_mean else None
    parts = {
        "train": (Xtr[:num_training], Ytr[:num_training]),
        "val": (Xtr[num_training:val_end], Ytr[num_training:val_end]),
        "test": (Xte[:num_test], Yte[:num_test]),
    }
    data = {}
    for name, (X, y) in parts.items():
        data[f"X_{name}"] = _channels_first(X, mean_image, dtype)
        data[f"y_{name}"] = y.copy()
    return data


def class_names(ROOT=None):
    """Return the ten class names of the data set that `load_CIFAR10(ROOT)` loads, in the order of the labels.

    Returns
    -------
    list of str
    """
    if _find_cifar10(ROOT):
        return list(CIFAR10_NAMES)
    from cs231n.builtin_data import CLASS_NAMES

    return list(CLASS_NAMES)


def dataset_name(ROOT=None):
    """Return 'CIFAR-10' or 'built-in images', the data set that `load_CIFAR10(ROOT)` loads.

    Returns
    -------
    str
    """
    return "CIFAR-10" if _find_cifar10(ROOT) else "built-in images"


def _find_cifar10(ROOT=None):
    """Return the folder of the CIFAR-10 batches, or None if the built-in images should be used."""
    setting = os.environ.get("CS231N_DATA", "")
    if setting.lower() == "builtin":
        return None
    for name, folder in (("ROOT", ROOT), ("CS231N_DATA", setting or None)):
        if folder is not None and (found := _named_folder(name, Path(folder).expanduser())):
            return found
    return _first_with_batches([Path("cs231n/datasets"), PACKAGE / "datasets", PROJECT / "datasets"])


def _named_folder(name, folder):
    """Return the folder of the batches in a folder that was named; None if only the course's notebooks name it."""
    found = _first_with_batches([folder])
    if found is None and (name != "ROOT" or folder.exists() or folder.absolute().parts[-3:] != COURSE_FOLDER):
        raise FileNotFoundError(
            f"{name} is {str(folder)!r}, but there are no CIFAR-10 batches in that folder: {_contents_of(folder)} "
            f"Set {name} to the folder that contains data_batch_1, or leave it out."
        )
    return found


def _contents_of(folder):
    """Say in a sentence what is in a folder that should have the CIFAR-10 batches."""
    if not folder.is_dir():
        return "it is a file." if folder.exists() else "it does not exist."
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    archive = next((name for name in names if name.endswith((".tar.gz", ".tgz", ".tar", ".zip"))), None)
    if any(name.startswith("data_batch_") and name.endswith((".bin", ".mat")) for name in names):
        return f"it has {shown}, which is the binary or the Matlab version; download the version for Python."
    if archive:
        return f"it has {shown}; unpack {archive} first (tar -xf {archive})."
    return f"it has {shown}." if names else "it is empty."


def _first_with_batches(parents):
    """Return the first of these folders (or `cifar-10-batches-py` inside it) with batches; it must have all of them."""
    names = (*TRAIN_FILES, TEST_FILE)
    for parent in parents:
        parent = Path(parent).expanduser()
        for folder in (parent, parent / CIFAR10_FOLDER):
            missing = [name for name in names if not (folder / name).is_file()]
            if not missing:
                return folder
            if len(missing) < len(names):
                raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}. {HOW_TO_GET_CIFAR10}")
    return None


def _load_builtin(dtype):
    from cs231n.builtin_data import load_builtin_data

    X_train, y_train, X_test, y_test = load_builtin_data(PROJECT / "datasets" / "builtin")
    return np.array(X_train, dtype), np.array(y_train, np.int64), np.array(X_test, dtype), np.array(y_test, np.int64)


def _read_batch(filename):
    """Return the rows (N, 3072) of uint8 and the labels (N,) of one batch file."""
    with open(filename, "rb") as f:
        batch = load_pickle(f)
    rows, labels = (batch.get("data"), batch.get("labels")) if isinstance(batch, dict) else (None, None)
    problem = _problem_of(rows, labels)
    if problem:
        raise ValueError(f"{filename} is not a CIFAR-10 batch: {problem}. {HOW_TO_GET_CIFAR10}")
    return rows, np.array(labels, dtype=np.int64)


def _problem_of(rows, labels):
    """Return what is wrong with the contents of a batch, or None."""
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.shape[1:] != (3072,):
        return "it has no 'data' of shape (N, 3072) and dtype uint8"
    if not isinstance(labels, list) or len(labels) != len(rows):
        return f"it has no 'labels', a list of {len(rows)} integers"
    if not all(type(label) is int and 0 <= label < 10 for label in labels):
        return "a label is not an integer from 0 to 9"
    return None


def _stack_batches(batches, dtype):
    """Return the images (N, 32, 32, 3) and labels (N,) of a list of batches, which is emptied to free the memory."""
    y = np.concatenate([labels for _, labels in batches])
    X = np.empty((len(y), 32, 32, 3), _pixel_dtype(dtype))
    start = 0
    while batches:
        rows, _ = batches.pop(0)
        end = start + len(rows)
        planes = rows.reshape(-1, 3, 32, 32)  # (N, 3072) -> (N, 3, 32, 32)
        for c in range(3):  # one channel at a time is three times as fast as one transposed assignment
            X[start:end, :, :, c] = planes[:, c]
        start = end
    return X, y


def _pixel_dtype(dtype):
    """Return `dtype` as a NumPy dtype if it can hold the values 0 to 255."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iuf" or not np.can_cast(np.uint8, dtype):
        raise ValueError(f"dtype {dtype} cannot hold the values 0 to 255: use np.uint8, np.float32 or np.float64")
    return dtype


def _check_rows(available, **counts):
    """Raise unless there are as many images as all these sets together need."""
    for name, count in counts.items():
        require_whole(name, count, least=0)
    if sum(counts.values()) > available:
        raise ValueError(
            f"{' + '.join(counts)} is {sum(counts.values())}, but the data set has only {available} such images"
        )


def _mean_image(X):
    """Return the mean of images (N, H, W, C), as (H, W, C) in float64; the sum is exact, since it is of integers."""
    if len(X) == 0:
        raise ValueError("num_training is 0, so there is no mean image: use subtract_mean=False")
    return X.sum(axis=0, dtype=np.int64) / len(X)


def _channels_first(X, mean_image, dtype):
    """Return `X - mean_image` as (N, C, H, W), without any other copy of that size."""
    N, H, W, C = X.shape
    out = np.empty((N, C, H, W), dtype)
    for c in range(C):
        out[:, c] = X[:, :, :, c]
    if mean_image is not None:
        out -= mean_image.transpose(2, 0, 1).astype(dtype)  # (H, W, C) -> (C, H, W)
    return out


# ---- Other data ----------------------------------------------------------------------------------------------------


def load_models(models_dir):
    """Read every weight file (.npz) of a folder.

    Parameters
    ----------
    models_dir : str or path

    Returns
    -------
    dict
        File name -> dict of parameter name -> array.

    Raises
    ------
    FileNotFoundError
        If the folder has no .npz file.
    ValueError
        If a file is damaged or contains pickled objects instead of numbers.
    """
    paths = sorted(Path(models_dir).glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"{models_dir} has no .npz file: write one with np.savez(path, **model.params)")
    return {path.name: _read_npz(path) for path in paths}


def _read_npz(path, names=None):
    """Return the arrays of an .npz file as a dict, without ever unpickling."""
    try:
        with open(path, "rb") as f, np.load(f, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged zip file can raise almost anything
        raise ValueError(f"{path} is not a complete .npz file of plain numbers ({error})") from None


def load_tiny_imagenet(path, dtype=np.float32, subtract_mean=True):
    """Load TinyImageNet, or a part of it such as TinyImageNet-100-A, from its unpacked folder.

    Parameters
    ----------
    path : str or path
        The folder with `wnids.txt`, `words.txt`, `train`, `val` and `test`.
    dtype : NumPy dtype
        Of the images.
    subtract_mean : bool
        Whether to subtract the mean training image from all images.

    Returns
    -------
    dict
        `class_names`: list in which entry i is the list of names of class i;
        `X_train`, `X_val`, `X_test`: arrays of shape (N, 3, 64, 64);
        `y_train`, `y_val`, `y_test`: int64 arrays of shape (N,); `y_test` is None if its labels were not published;
        `mean_image`: array of shape (3, 64, 64).

    Raises
    ------
    FileNotFoundError
        If a part of the folder is missing.
    ValueError
        If an image is not 64x64, or `dtype` cannot hold the result.
    """
    path, dtype = Path(path), _pixel_dtype(dtype)
    if subtract_mean and dtype.kind != "f":
        raise ValueError(f"dtype {dtype} cannot hold negative fractions: use np.float32 or subtract_mean=False")
    wnids = (path / "wnids.txt").read_text().split()
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    X_train, y_train = _load_tiny_train(path / "train", wnids, dtype)
    X_val, y_val = _load_tiny_split(path / "val", label_of, dtype)
    X_test, y_test = _load_tiny_split(path / "test", label_of, dtype)
    mean_image = X_train.mean(axis=0, dtype=np.float64).astype(dtype)  # (N, 3, 64, 64) -> (3, 64, 64)
    if subtract_mean:
        for X in (X_train, X_val, X_test):
            X -= mean_image
    return {
        "class_names": _tiny_class_names(path / "words.txt", wnids),
        "X_train": X_train,
        "y_train": y_train,
        "X_val": X_val,
        "y_val": y_val,
        "X_test": X_test,
        "y_test": y_test,
        "mean_image": mean_image,
    }


def _tiny_class_names(words_file, wnids):
    pairs = (line.split("\t", 1) for line in words_file.read_text().splitlines() if "\t" in line)
    names_of = {wnid: [name.strip() for name in names.split(",")] for wnid, names in pairs}
    return [names_of.get(wnid, [wnid]) for wnid in wnids]


def _load_tiny_train(folder, wnids, dtype):
    files, labels = [], []
    for label, wnid in enumerate(wnids):
        of_class = _images_in(folder / wnid / "images")
        files += of_class
        labels += [label] * len(of_class)
    return _read_images(files, dtype), np.array(labels, dtype=np.int64)


def _load_tiny_split(folder, label_of, dtype):
    """Return the images of `val` or `test`, and their labels, or None if there is no list of labels."""
    annotations = folder / f"{folder.name}_annotations.txt"
    if not annotations.is_file():
        return _read_images(_images_in(folder / "images"), dtype), None
    rows = [line.split("\t") for line in annotations.read_text().splitlines() if line]
    y = np.array([label_of[row[1]] for row in rows], dtype=np.int64)
    return _read_images([folder / "images" / row[0] for row in rows], dtype), y


def _images_in(folder):
    """Return the JPEG files of a folder, `x_2` before `x_10`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing: is this the unpacked TinyImageNet?")
    files = sorted(folder.glob("*.JPEG"), key=lambda file: (len(file.name), file.name))
    if not files:
        raise FileNotFoundError(f"{folder} has no .JPEG file: is this the unpacked TinyImageNet?")
    return files


def _read_images(files, dtype, size=64):
    """Read images as (N, 3, size, size); a grey image gets three equal channels."""
    from imageio.v3 import imread

    X = np.empty((len(files), 3, size, size), dtype)
    for i, file in enumerate(files):
        image = imread(file)
        if image.shape not in [(size, size), (size, size, 3)]:
            raise ValueError(f"{file} has shape {image.shape}, expected ({size}, {size}, 3) or ({size}, {size})")
        X[i] = image if image.ndim == 2 else image.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
    return X


def load_imagenet_val(num=None):
    """Load the course's 25 ImageNet validation images, `cs231n/datasets/imagenet_val_25.npz`.

    Parameters
    ----------
    num : int, optional
        How many images to return; all of them by default.

    Returns
    -------
    X : uint8 array of shape (num, 224, 224, 3)
    y : int array of shape (num,)
    class_names : dict
        Label (int) -> class name.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    UnsafePickleError, ValueError
        If it is damaged or contains anything but numbers and names.
    """
    if num is not None:
        require_whole("num", num, least=0)
    path = _find_imagenet_val()
    arrays = _read_npz(path, names=("X", "y"))
    return arrays["X"][:num], arrays["y"][:num], _read_label_map(path)


def _find_imagenet_val(name="imagenet_val_25.npz"):
    folders = [PACKAGE / "datasets", Path("cs231n/datasets"), PROJECT / "datasets"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is missing: download it from the course's site into {folders[0]}")


def _read_label_map(path):
    """Return the dict that the file stores as a pickled array of one object, without running anything in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = io.BytesIO(archive.read("label_map.npy"))
        version = np.lib.format.read_magic(member)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](member)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its label_map cannot be read ({error})") from None
    if shape != () or not dtype.hasobject:
        raise ValueError(f"{path}: label_map has shape {shape} and dtype {dtype}, expected a single dict")
    return read_pickle(member, f"label_map in {path}", HOW_TO_GET_IMAGENET, single_object)
