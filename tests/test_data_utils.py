"""The loaders: published files are read to the bit, completely or not at all, and no program in a pickle is run."""

import io
import os
import pickle
import re
import struct
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cs231n import data_utils
from cs231n.data_utils import (
    CIFAR10_FOLDER,
    UnsafePickleError,
    class_names,
    dataset_name,
    get_CIFAR10_data,
    load_CIFAR10,
    load_CIFAR_batch,
    load_imagenet_val,
    load_models,
    load_pickle,
    load_tiny_imagenet,
)

PROJECT = Path(__file__).resolve().parent.parent
BUILDER = PROJECT.parent / "shared" / "cifar10" / "build_cifar10.py"
FILES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


# ---- Files in the published layout: what Python 2's cPickle wrote with protocol 2 ----


def text(string):
    return b"U" + bytes([len(string)]) + string.encode("latin1")


def number(value):
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def list_of(items):
    return b"](" + b"".join(items) + b"e"


def array_of(data, code="u1", order="|", module="numpy.core.multiarray", shape=None, state=None):
    """The pickled form of `data`; the options make unusual ones."""
    shape = data.shape if shape is None else shape
    empty = b"c%s\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" % module.encode()
    dtype = b"cnumpy\ndtype\n" + text(code) + b"K\x00K\x01\x87R(K\x03" + text(order)
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    raw = data.tobytes()
    whole = (
        b"(K\x01(" + b"".join(map(number, shape)) + b"t" + dtype + b"\x89T" + struct.pack("<I", len(raw)) + raw + b"t"
    )
    return empty + (whole if state is None else state) + b"b"


def batch_of(data, labels, **options):
    items = {
        "batch_label": text("a batch"),
        "labels": list_of(map(number, labels)),
        "data": array_of(data, **options),
        "filenames": list_of(text(f"picture_s_{i:06d}.png") for i in range(len(labels))),
    }
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in items.items()) + b"u."


def rows_of(N, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (N, 3072), dtype=np.uint8), rng.integers(0, 10, N).tolist()


SIZES = [7, 5, 1, 4, 6, 9]  # all different


@pytest.fixture
def cifar10(tmp_path):
    """A folder of small batches, and the rows (N, 3072) and labels of each."""
    folder = tmp_path / "files" / CIFAR10_FOLDER
    folder.mkdir(parents=True)
    held = [rows_of(N, seed) for seed, N in enumerate(SIZES)]
    for name, (rows, labels) in zip(FILES, held, strict=True):
        (folder / name).write_bytes(batch_of(rows, labels))
    return folder, held


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    """Each test starts without any data, whatever is on this machine."""
    empty = tmp_path / "empty"
    (empty / "cs231n").mkdir(parents=True)
    monkeypatch.chdir(empty)
    monkeypatch.delenv("CS231N_DATA", raising=False)
    monkeypatch.setattr(data_utils, "PROJECT", empty)
    monkeypatch.setattr(data_utils, "PACKAGE", empty / "package")


@pytest.fixture(autouse=True)
def builtin(monkeypatch):
    """A stand-in for the built-in images; the list has the folders it was called with."""
    asked = []

    def load_builtin_data(folder):
        asked.append(folder)
        X, y = rows_of(30, 99)
        X = X.reshape(-1, 32, 32, 3)
        return X[:20], np.array(y[:20]), X[20:], np.array(y[20:])

    module = types.ModuleType("cs231n.builtin_data")
    module.CLASS_NAMES, module.load_builtin_data = tuple("abcdefghij"), load_builtin_data
    monkeypatch.setitem(sys.modules, "cs231n.builtin_data", module)
    return asked


def images_of(rows):
    """Convert value by value: 1024 red, 1024 green, 1024 blue -> (32, 32, 3)."""
    X = np.zeros((len(rows), 32, 32, 3))
    for n in range(len(rows)):
        for c in range(3):
            for h in range(32):
                X[n, h, :, c] = rows[n, c * 1024 + h * 32 : c * 1024 + h * 32 + 32]
    return X


# ---- Batches ----


@pytest.mark.parametrize("N", [0, 1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32, np.float64, "float32"])
def test_batch(tmp_path, N, dtype):
    """Every row, to the bit, in the published order; any number of rows."""
    rows, labels = rows_of(N, 0)
    (tmp_path / "b").write_bytes(batch_of(rows, labels))
    X, y = load_CIFAR_batch(tmp_path / "b", dtype)
    assert X.dtype == dtype and X.flags.c_contiguous and X.flags.writeable
    np.testing.assert_array_equal(X, images_of(rows))
    assert y.dtype == np.int64 and y.tolist() == labels


def test_batch_defaults(cifar10):
    folder, held = cifar10
    X, y = load_CIFAR_batch(str(folder / "data_batch_2"))
    assert X.shape == (5, 32, 32, 3) and X.dtype == np.float64
    np.testing.assert_array_equal(X, images_of(held[1][0]))


@pytest.mark.parametrize("dtype", [np.int8, bool, "U3", object, complex])
def test_dtype_must_hold_a_byte(cifar10, dtype):
    folder, _ = cifar10
    for load in (load_CIFAR_batch, load_CIFAR10):
        with pytest.raises(ValueError, match=r"cannot hold the values 0 to 255: use np\.uint8"):
            load(folder / "test_batch" if load is load_CIFAR_batch else folder, dtype=dtype)


def wrong_batches():
    rows, labels = rows_of(3, 0)
    good = {"data": rows, "labels": labels}
    return {
        "not a dict": [1, 2],
        "no data": {"labels": labels},
        "no labels": {"data": rows},
        "data not an array": good | {"data": [1, 2, 3]},
        "wrong dtype": good | {"data": rows.astype(np.float32)},
        "wrong columns": good | {"data": rows[:, :3071]},
        "one dimension": good | {"data": rows[0]},
        "four dimensions": good | {"data": rows.reshape(3, 3, 32, 32)},
        "too few labels": good | {"labels": labels[:2]},
        "labels as text": good | {"labels": ["cat"] * 3},
        "labels as array": good | {"labels": np.arange(3)},
        "label too large": good | {"labels": [0, 10, 1]},
        "label below 0": good | {"labels": [0, -1, 1]},
    }


@pytest.mark.parametrize("wrong", wrong_batches().values(), ids=wrong_batches())
def test_files_that_are_no_batches_are_named(tmp_path, wrong):
    path = tmp_path / "data_batch_4"
    path.write_bytes(pickle.dumps(wrong, protocol=2))
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a CIFAR-10 batch: ")):
        load_CIFAR_batch(path)


# ---- Pickles ----


def load_bytes(data, name="data_batch_1"):
    f = io.BytesIO(data)
    f.name = name
    return load_pickle(f)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_pickles_are_read_completely(module):
    """The whole dict of a published batch, for either name of NumPy's inner module; latin1 text survives."""
    rows, labels = rows_of(3, 0)
    read = load_bytes(batch_of(rows, labels, module=module).replace(b"a batch", b"a \xe9\xff !!"))
    assert list(read) == ["batch_label", "labels", "data", "filenames"]
    assert read["batch_label"] == "a \xe9\xff !!"
    assert read["labels"] == labels and read["filenames"][2] == "picture_s_000002.png"
    assert type(read["data"]) is np.ndarray and read["data"].flags.writeable
    np.testing.assert_array_equal(read["data"], rows)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "?", "<i2", ">i4", "i8", ">f4", "f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_written_by_python_3(protocol, dtype, order):
    array = np.asarray(np.arange(-6, 6).reshape(3, 1, 4).astype(dtype), order=order)
    read = load_bytes(pickle.dumps({"a": [array, (array[:1], None, 2.5, True, "x", b"\xff")]}, protocol=protocol))
    np.testing.assert_array_equal(read["a"][0], array)
    assert read["a"][1][0].shape == (1, 1, 4) and read["a"][1][1:] == (None, 2.5, True, "x", b"\xff")
    assert read["a"][0].dtype == array.dtype.newbyteorder("=")


class Reduced:
    """Pickles as a call of `function`, by its own name or a given one."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def global_call(module, name, argument=b"U\x01x"):
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + argument + b"\x85R."


FORBIDDEN = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("__builtin__", "eval"),
    ("functools", "partial"),
    ("operator", "attrgetter"),
    ("codecs", "encode"),
    ("_codecs", "decode"),
    ("_codecs", "lookup"),
    ("copyreg", "_reconstructor"),
    ("copy_reg", "_reconstructor"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy", "memmap"),
    ("numpy", "ndarray.tofile"),
    ("numpy", "dtype.__setstate__"),
    ("numpy.f2py", "compile"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "fromfile"),
    ("numpy._core.multiarray", "_reconstruct.__globals__"),
    ("numpy.core", "multiarray._reconstruct"),
    ("collections", "OrderedDict"),
    ("cs231n.data_utils", "load_pickle"),
]


@pytest.mark.parametrize("module, name", FORBIDDEN)
@pytest.mark.parametrize("frame", [2, 4])
def test_forbidden_globals_are_named(module, name, frame):
    """In the old and the new opcode for globals; the message names the global and the file."""
    data = global_call(module, name)
    if frame == 4:
        ask = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)) + b"\x93"
        data = b"\x80\x04" + ask + b"\x8c\x01x\x85R."
    with pytest.raises(UnsafePickleError, match=re.escape(f"data_batch_1 is refused: it asks for {module}.{name},")):
        load_bytes(data)
    assert issubclass(UnsafePickleError, pickle.UnpicklingError)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(tmp_path, protocol):
    """A program hidden in a batch, after its pixels, leaves no trace."""
    trace = tmp_path / "trace"
    rows, labels = rows_of(1, 0)
    path = tmp_path / "data_batch_1"
    hidden = {"data": rows, "labels": labels, "more": Reduced(os.system, f"touch {trace}")}
    path.write_bytes(pickle.dumps(hidden, protocol=protocol))
    with pytest.raises(UnsafePickleError, match=re.escape(str(path))):
        load_CIFAR_batch(path)
    assert not trace.exists()


def odd_pickles():
    """Pickles that use only admitted names, but in ways that no CIFAR file does."""
    zeros = np.zeros((2, 2), np.uint8)
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
    objects = np.empty(1, object)
    objects[0] = [1]
    return {
        "object array": pickle.dumps(objects, 2),
        "object array in a dict": pickle.dumps({"data": np.array({"a": 1}, dtype=object)}, 2),
        "text array": pickle.dumps(np.array(["cat", "dog"]), 2),
        "bytes array": pickle.dumps(np.array([b"cat"]), 2),
        "void array": pickle.dumps(np.zeros(2, "V8"), 2),
        "record array": pickle.dumps(np.zeros(2, [("a", "i4"), ("b", "O")]), 2),
        "dates": pickle.dumps(np.zeros(2, "M8[s]"), 2),
        "complex": pickle.dumps(np.zeros(2, complex), 2),
        "ndarray called": b"\x80\x02cnumpy\nndarray\n(M\xff\xffM\xff\xffM\xff\xffM\xff\xfft\x85R.",
        "ndarray as it is": b"\x80\x02cnumpy\nndarray\n.",
        "dtype alone": b"\x80\x02" + dtype + b".",
        "array without contents": b"\x80\x02" + array_of(zeros, state=b"K\x00") + b".",
        "state of another size": b"\x80\x02" + array_of(zeros, state=b"(K\x01K\x02t") + b".",
        "too few bytes": b"\x80\x02" + array_of(zeros, shape=(2, 3)) + b".",
        "too many bytes": b"\x80\x02" + array_of(zeros, shape=(1,)) + b".",
        "huge shape": b"\x80\x02" + array_of(zeros, shape=(65535, 65535, 65535, 65535)) + b".",
        "five dimensions": b"\x80\x02" + array_of(zeros, shape=(1, 1, 2, 2, 1)) + b".",
        "shape below 0": b"\x80\x02"
        + array_of(zeros, state=b"(K\x01J\xff\xff\xff\xffJ\xfc\xff\xff\xff\x86" + dtype + b"\x89U\x041234t")
        + b".",
        "shape of floats": b"\x80\x02"
        + array_of(zeros, state=b"(K\x01G@\x10\x00\x00\x00\x00\x00\x00\x85" + dtype + b"\x89U\x041234t")
        + b".",
        "shape not a tuple": b"\x80\x02" + array_of(zeros, state=b"(K\x01K\x04" + dtype + b"\x89U\x041234t") + b".",
        "dtype as text": b"\x80\x02" + array_of(zeros, state=b"(K\x01K\x04\x85U\x02u1\x89U\x041234t") + b".",
        "unknown dtype": b"\x80\x02" + array_of(zeros, code="u4,O") + b".",
        "contents a list": b"\x80\x02" + array_of(zeros, state=b"(K\x01K\x01\x85" + dtype + b"\x89]t") + b".",
        "another codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aU\x05rot13\x86R.",
        "encode as a function": b"\x80\x02c_codecs\nencode\n.",
        "a complex number": b"\x80\x02c__builtin__\ncomplex\nK\x01K\x01\x86R.",
        "a set": pickle.dumps({1, 2}, 4),
        "list in itself": b"\x80\x02]q\x00h\x00a.",
        "dict in itself": b"\x80\x02}q\x00U\x01ah\x00s.",
        "persistent": b"\x80\x02U\x01aQ.",
        "extension": b"\x80\x02\x82\x01.",
    }


@pytest.mark.parametrize("odd", odd_pickles().values(), ids=odd_pickles())
def test_odd_uses_of_admitted_names(odd):
    with pytest.raises((UnsafePickleError, ValueError), match="^data_batch_1 is (refused|damaged)"):
        load_bytes(odd)


def test_the_message_says_that_only_plain_numbers_are_allowed():
    for name in ("object array", "text array", "record array", "contents a list"):
        with pytest.raises(UnsafePickleError, match="only plain numbers are allowed"):
            load_bytes(odd_pickles()[name])


def test_a_pickle_cannot_alter_the_reader():
    """The opcode BUILD sets attributes on an object; it reaches nothing that outlives the file."""
    rows, labels = rows_of(2, 0)
    for name in (b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n"):
        spoil = b"\x80\x02" + name + b"(N}U\x0c__defaults__K\x01\x85stb0K\x01."
        assert load_bytes(spoil) == 1
        np.testing.assert_array_equal(load_bytes(batch_of(rows, labels))["data"], rows)


def test_file_cut_at_any_byte():
    """A truncated file never gives half a batch: the message names the file and the remedy."""
    whole = batch_of(*rows_of(1, 0))
    cuts = [*range(160), *range(160, len(whole) - 160, 97), *range(len(whole) - 160, len(whole))]
    for cut in cuts:
        with pytest.raises(ValueError, match=r"^test_batch is damaged or cut short.*get_datasets\.py"):
            load_bytes(whole[:cut], "test_batch")


def test_flipped_bits_never_run_anything():
    """Whatever one damaged byte turns the frame into, the result is a batch, a ValueError or a refusal."""
    whole = batch_of(*rows_of(1, 0))
    frame = [i for i in range(len(whole)) if i < 250 or i > len(whole) - 60]
    rng = np.random.default_rng(0)
    for i in frame:
        for bit in rng.choice(8, 3, replace=False):
            damaged = bytearray(whole)
            damaged[i] ^= 1 << bit
            try:
                load_bytes(bytes(damaged))
            except (UnsafePickleError, ValueError) as error:
                assert str(error).startswith("data_batch_1 is ")


def test_load_pickle_of_a_path():
    with pytest.raises(TypeError, match="takes an open file"):
        load_pickle("data_batch_1")


# ---- Where the data is found ----


def assert_is_cifar10(data, held):
    Xtr, Ytr, Xte, Yte = data
    np.testing.assert_array_equal(Xtr, np.concatenate([images_of(rows) for rows, _ in held[:5]]))
    np.testing.assert_array_equal(Xte, images_of(held[5][0]))
    assert Ytr.tolist() == sum((labels for _, labels in held[:5]), []) and Yte.tolist() == held[5][1]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_load_cifar10(cifar10, dtype, builtin):
    folder, held = cifar10
    data = load_CIFAR10(str(folder), dtype=dtype)
    assert_is_cifar10(data, held)
    assert [a.dtype for a in data] == [dtype, np.int64, dtype, np.int64] and data[0].flags.c_contiguous
    assert load_CIFAR10(folder)[0].dtype == np.float64
    assert (dataset_name(folder), class_names(folder)[3], builtin) == ("CIFAR-10", "cat", [])


COURSE_FOLDER = f"cs231n/datasets/{CIFAR10_FOLDER}"  # what every notebook of the course names
FOLDERS = ["cs231n/datasets", "package/datasets", "datasets"]


@pytest.mark.parametrize("parent", FOLDERS)
@pytest.mark.parametrize("ROOT", [None, f"cs231n/datasets/{CIFAR10_FOLDER}"])
def test_usual_folders(cifar10, parent, ROOT):
    """The literal path in the course's notebooks finds the files in any of the usual folders."""
    folder, held = cifar10
    Path(parent).mkdir(parents=True)
    folder.rename(Path(parent).resolve() / CIFAR10_FOLDER)
    assert_is_cifar10(load_CIFAR10(ROOT), held)
    assert (dataset_name(), class_names()[:2]) == ("CIFAR-10", ["airplane", "automobile"])


@pytest.mark.parametrize("level", ["the folder", "its parent"])
def test_environment_variable(cifar10, monkeypatch, level):
    folder, held = cifar10
    monkeypatch.setenv("CS231N_DATA", str(folder if level == "the folder" else folder.parent))
    assert_is_cifar10(load_CIFAR10(), held)
    assert_is_cifar10(load_CIFAR10(f"cs231n/datasets/{CIFAR10_FOLDER}"), held)


def test_order_of_folders(cifar10, monkeypatch):
    """The given folder, then CS231N_DATA, then the usual folders."""
    folder, _ = cifar10
    for parent, N in (("given", 2), ("setting", 3), ("datasets", 4)):
        Path(parent).mkdir()
        for name in FILES:
            (Path(parent) / name).write_bytes(batch_of(*rows_of(N, 0)))
    monkeypatch.setenv("CS231N_DATA", "setting")
    assert [len(load_CIFAR10(ROOT)[2]) for ROOT in ("given", None, COURSE_FOLDER)] == [2, 3, 3]
    monkeypatch.delenv("CS231N_DATA")
    assert [len(load_CIFAR10(ROOT)[2]) for ROOT in ("given", None)] == [2, 4]


def test_setting_without_data_is_an_error(cifar10, monkeypatch):
    monkeypatch.setenv("CS231N_DATA", "/no/such/folder")
    for call in (load_CIFAR10, get_CIFAR10_data, class_names, dataset_name):
        with pytest.raises(
            FileNotFoundError,
            match="CS231N_DATA is '/no/such/folder', but there are no CIFAR-10 batches",
        ):
            call()


@pytest.mark.parametrize("ROOT", [None, COURSE_FOLDER, Path(COURSE_FOLDER), f"/content/{COURSE_FOLDER}"])
def test_built_in_images(builtin, ROOT):
    """Without CIFAR-10, the same call gives the built-in images."""
    X, y = rows_of(30, 99)
    Xtr, Ytr, Xte, Yte = load_CIFAR10(ROOT)
    np.testing.assert_array_equal(Xtr, X[:20].reshape(-1, 32, 32, 3))
    np.testing.assert_array_equal(Xte, X[20:].reshape(-1, 32, 32, 3))
    assert [a.dtype for a in (Xtr, Ytr, Xte, Yte)] == [np.float64, np.int64] * 2
    assert Ytr.tolist() + Yte.tolist() == y
    assert builtin == [data_utils.PROJECT / "datasets" / "builtin"]
    assert (dataset_name(ROOT), class_names(ROOT)) == ("built-in images", list("abcdefghij"))


@pytest.mark.parametrize(
    "contents, words",
    [
        (None, "it does not exist"),
        ([], "it is empty"),
        (["cifar-10-python.tar.gz"], "it has cifar-10-python.tar.gz; unpack cifar-10-python.tar.gz first"),
        (["data_batch_1.bin", "test_batch.bin"], "the binary or the Matlab version"),
        (["data_batch_1.mat"], "the binary or the Matlab version"),
        (["train", "test", "meta"], "it has meta, test, train"),  # CIFAR-100
        ([f"{i}.png" for i in range(9)], "4.png and 4 more"),
    ],
)
@pytest.mark.parametrize("how", ["ROOT", "ROOT in the usual place", "CS231N_DATA"])
def test_a_named_folder_without_batches_is_an_error(builtin, tmp_path, monkeypatch, how, contents, words):
    """It says what is in the folder, and never loads the built-in images instead."""
    folder = tmp_path / (COURSE_FOLDER if how == "ROOT in the usual place" else "mine")
    if contents is not None:
        folder.mkdir(parents=True)
        for name in contents:
            (folder / name).touch()
    if how == "CS231N_DATA":
        monkeypatch.setenv("CS231N_DATA", str(folder))
    for call in (load_CIFAR10, dataset_name, class_names):
        if contents is None and how == "ROOT in the usual place":
            assert call(folder) is not None  # the exception: the course's notebooks name it in any case
            continue
        with pytest.raises(FileNotFoundError, match=re.escape(words)):
            call(None if how == "CS231N_DATA" else folder)


@pytest.mark.parametrize("word", ["builtin", "BUILTIN"])
def test_built_in_images_on_demand(cifar10, monkeypatch, word):
    """CS231N_DATA=builtin takes precedence over CIFAR-10."""
    folder, _ = cifar10
    monkeypatch.setenv("CS231N_DATA", word)
    assert len(load_CIFAR10(folder)[0]) == 20
    assert (dataset_name(folder), class_names(folder)) == ("built-in images", list("abcdefghij"))


@pytest.mark.parametrize("missing", [["data_batch_3"], ["test_batch"], ["data_batch_1", "data_batch_5"], FILES[:5]])
@pytest.mark.parametrize("where", ["given", "setting", "usual"])
def test_incomplete_folder_is_named(cifar10, missing, where, monkeypatch):
    """Some of the files without the others are never ignored silently."""
    folder, _ = cifar10
    for name in missing:
        (folder / name).unlink()
    if where == "setting":
        monkeypatch.setenv("CS231N_DATA", str(folder))
    if where == "usual":
        Path("datasets").mkdir()
        folder.rename(Path("datasets").resolve() / CIFAR10_FOLDER)
    for call in (load_CIFAR10, dataset_name, class_names):
        with pytest.raises(FileNotFoundError, match=f"{CIFAR10_FOLDER} lacks {', '.join(missing)}. .*get_datasets.py"):
            call(folder if where == "given" else None)


@pytest.mark.parametrize("name", FILES)
def test_truncated_file_is_named(cifar10, name):
    folder, _ = cifar10
    path = folder / name
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=re.escape(f"{path} is damaged or cut short")):
        load_CIFAR10(folder)


# ---- Prepared for a network ----


def straightforward(held, num_training, num_validation, num_test, subtract_mean):
    """The expected result, computed in plain float64."""
    X = np.concatenate([images_of(rows) for rows, _ in held[:5]])
    y = np.array(sum((labels for _, labels in held[:5]), []))
    X_train, X_val = X[:num_training], X[num_training : num_training + num_validation]
    X_test = images_of(held[5][0])[:num_test]
    mean = np.mean(X_train, axis=0) if subtract_mean else 0
    data = {"X_train": X_train - mean, "X_val": X_val - mean, "X_test": X_test - mean}
    data = {name: np.transpose(part, (0, 3, 1, 2)) for name, part in data.items()}
    data["y_train"], data["y_val"] = y[:num_training], y[num_training : num_training + num_validation]
    return data | {"y_test": np.array(held[5][1][:num_test])}


@pytest.mark.parametrize("sizes", [(15, 5, 6), (1, 1, 1), (23, 0, 9), (3, 20, 0)])
@pytest.mark.parametrize("subtract_mean", [True, False])
def test_get_cifar10_data(cifar10, monkeypatch, sizes, subtract_mean):
    """The same, to the last bit, as the straightforward computation."""
    folder, held = cifar10
    monkeypatch.setenv("CS231N_DATA", str(folder))
    data = get_CIFAR10_data(*sizes, subtract_mean)
    assert list(data) == ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
    for name, expected in straightforward(held, *sizes, subtract_mean).items():
        np.testing.assert_array_equal(data[name], expected)
        assert data[name].dtype == (np.float64 if name[0] == "X" else np.int64) and data[name].flags.c_contiguous


def test_get_cifar10_data_in_other_dtypes(cifar10, monkeypatch):
    folder, held = cifar10
    monkeypatch.setenv("CS231N_DATA", str(folder))
    single = get_CIFAR10_data(15, 5, 6, dtype=np.float32)
    expected = straightforward(held, 15, 5, 6, True)
    assert single["X_val"].dtype == np.float32
    np.testing.assert_allclose(single["X_val"], expected["X_val"], rtol=1e-6, atol=2e-5)
    whole = get_CIFAR10_data(15, 5, 6, subtract_mean=False, dtype=np.uint8)
    assert whole["X_test"].dtype == np.uint8
    with pytest.raises(
        ValueError, match=r"uint8 cannot hold negative fractions: use np\.float32 or subtract_mean=False"
    ):
        get_CIFAR10_data(15, 5, 6, dtype=np.uint8)


@pytest.mark.parametrize(
    "sizes, words",
    [
        ((), "num_training + num_validation is 50000, but the data set has only 23 such images"),
        ((23, 1, 1), "num_training + num_validation is 24, but the data set has only 23 such images"),
        ((1, 1, 10), "num_test is 10, but the data set has only 9 such images"),
        ((-1, 2, 1), "num_training is -1, expected an integer of at least 0"),
        ((3, -2, 1), "num_validation is -2"),
        ((3, 2, -1), "num_test is -1"),
        ((10.0, 1, 1), "num_training is 10.0, expected an integer of at least 0. It is a float"),
        ((0, 5, 1), "num_training is 0, so there is no mean image: use subtract_mean=False"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(cifar10, monkeypatch, sizes, words):
    monkeypatch.setenv("CS231N_DATA", str(cifar10[0]))
    with pytest.raises(ValueError, match=re.escape(words)):
        get_CIFAR10_data(*sizes)


def test_get_cifar10_data_of_the_built_in_images():
    data = get_CIFAR10_data(15, 5, 10)
    assert data["X_train"].shape == (15, 3, 32, 32) and data["X_test"].shape == (10, 3, 32, 32)
    np.testing.assert_allclose(data["X_train"].mean(axis=0), 0, atol=1e-10)


# ---- Other data ----


def test_load_models(tmp_path):
    np.savez(tmp_path / "b.npz", W1=np.eye(2), b1=np.zeros(2))
    np.savez(tmp_path / "a.npz", W=np.arange(3))
    (tmp_path / "notes.txt").write_text("not a model")
    models = load_models(str(tmp_path))
    assert list(models) == ["a.npz", "b.npz"] and set(models["b.npz"]) == {"W1", "b1"}
    np.testing.assert_array_equal(models["a.npz"]["W"], [0, 1, 2])


@pytest.mark.parametrize("bad", ["objects", "cut", "text", "empty"])
def test_load_models_names_the_bad_file(tmp_path, bad):
    path = tmp_path / "bad.npz"
    np.savez(path, W=np.array([Reduced(print, "run")], dtype=object) if bad == "objects" else np.eye(20))
    whole = path.read_bytes()
    path.write_bytes({"objects": whole, "cut": whole[:900], "text": b"hello", "empty": b""}[bad])
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a complete .npz file of plain numbers")):
        load_models(tmp_path)


def test_load_models_of_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no \.npz file"):
        load_models(tmp_path)


@pytest.fixture
def tiny_imagenet(tmp_path):
    """Two classes with 12 and 2 training images, one of them with one channel; each image has one level of grey."""
    imageio = pytest.importorskip("imageio.v3")
    root = tmp_path / "tiny"

    def write(path, level, grey=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        imageio.imwrite(path, np.full((64, 64) if grey else (64, 64, 3), level, np.uint8), extension=".jpeg")

    for wnid, N in (("n02", 12), ("n01", 2)):
        for i in range(N):
            write(root / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", 10 * i, grey=i == 1)
    for i in range(3):
        write(root / "val" / "images" / f"val_{i}.JPEG", 100 + i)
    write(root / "test" / "images" / "test_0.JPEG", 200)
    (root / "wnids.txt").write_text("n02\nn01\n")
    (root / "words.txt").write_text("n00\tnothing\nn01\tgoldfish, Carassius auratus\nn02\tbison\n")
    rows = "val_2.JPEG\tn01\t0\t0\t9\t9\nval_0.JPEG\tn02\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n"
    (root / "val" / "val_annotations.txt").write_text(rows)
    return root


def test_load_tiny_imagenet(tiny_imagenet):
    data = load_tiny_imagenet(str(tiny_imagenet), subtract_mean=False)
    assert data["class_names"] == [["bison"], ["goldfish", "Carassius auratus"]]
    assert data["X_train"].shape == (14, 3, 64, 64) and data["X_train"].dtype == np.float32
    np.testing.assert_allclose(data["X_train"][:, 2, 5, 6], [*range(0, 120, 10), 0, 10], atol=2)
    assert data["y_train"].tolist() == [0] * 12 + [1] * 2 and data["y_train"].dtype == np.int64
    np.testing.assert_allclose(data["X_val"][:, 0, 0, 0], [102, 100, 101], atol=2)
    assert data["y_val"].tolist() == [1, 0, 0]
    assert data["X_test"].shape == (1, 3, 64, 64) and data["y_test"] is None
    np.testing.assert_allclose(data["mean_image"], 670 / 14, atol=2)


def test_load_tiny_imagenet_subtracts_the_mean(tiny_imagenet):
    plain = load_tiny_imagenet(tiny_imagenet, np.float64, subtract_mean=False)
    data = load_tiny_imagenet(tiny_imagenet, np.float64)
    for name in ("X_train", "X_val", "X_test"):
        np.testing.assert_allclose(data[name], plain[name] - plain["X_train"].mean(axis=0), atol=1e-9)
    with pytest.raises(ValueError, match="cannot hold negative fractions"):
        load_tiny_imagenet(tiny_imagenet, np.uint8)


def test_load_tiny_imagenet_errors(tiny_imagenet):
    from imageio.v3 import imwrite

    image = tiny_imagenet / "val" / "images" / "val_1.JPEG"
    imwrite(image, np.zeros((64, 60, 3), np.uint8), extension=".jpeg")
    with pytest.raises(ValueError, match=re.escape(f"{image} has shape (64, 60, 3), expected (64, 64, 3)")):
        load_tiny_imagenet(tiny_imagenet)
    (tiny_imagenet / "train" / "n01").rename(tiny_imagenet / "train" / "n03")
    with pytest.raises(FileNotFoundError, match="is this the unpacked TinyImageNet"):
        load_tiny_imagenet(tiny_imagenet)


def write_imagenet_val(label_map, **arrays):
    path = Path("cs231n/datasets/imagenet_val_25.npz")
    path.parent.mkdir(exist_ok=True)
    X = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)
    np.savez(path, **({"X": X, "y": np.arange(5) * 7, "label_map": label_map} | arrays))
    return X, path


def test_load_imagenet_val():
    X, _ = write_imagenet_val({0: "tench, Tinca tinca", 999: "toilet tissue"})
    got_X, got_y, names = load_imagenet_val()
    np.testing.assert_array_equal(got_X, X)
    assert got_y.tolist() == [0, 7, 14, 21, 28] and names == {0: "tench, Tinca tinca", 999: "toilet tissue"}
    got_X, got_y, names = load_imagenet_val(num=2)
    assert got_X.shape == (2, 4, 4, 3) and got_y.tolist() == [0, 7] and len(names) == 2


def test_load_imagenet_val_refuses_programs(tmp_path):
    _, path = write_imagenet_val(np.array(Reduced(os.system, f"touch {tmp_path / 'trace'}"), dtype=object))
    with pytest.raises(UnsafePickleError, match="label_map in .*imagenet_val_25.npz is refused: it asks for .*system"):
        load_imagenet_val()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "label_map, words",
    [
        (np.arange(3), "expected a single dict"),
        (np.array([{}, {}], dtype=object), "expected a single dict"),
        (np.array(["a"], dtype=object), "expected a single dict"),
        (np.array("a", dtype=object), "not a single dict"),
        (np.array({0: {1, 2}}, dtype=object), "refused"),
    ],
)
def test_load_imagenet_val_with_another_label_map(label_map, words):
    write_imagenet_val(label_map)
    with pytest.raises(ValueError if "expected" in words else UnsafePickleError, match=words):
        load_imagenet_val()


def test_load_imagenet_val_without_a_file():
    with pytest.raises(FileNotFoundError, match=r"imagenet_val_25\.npz is missing"):
        load_imagenet_val()


def test_load_imagenet_val_without_a_part():
    _, path = write_imagenet_val({0: "a"})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for lacking in parts:
        with zipfile.ZipFile(path, "w") as archive:
            for name in parts.keys() - {lacking}:
                archive.writestr(name, parts[name])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            load_imagenet_val()


# ---- The module and its cost ----

MEASURE = """
import sys, time
from pathlib import Path
import numpy as np
from cs231n import data_utils

def cpu_seconds(function):
    began = time.process_time()
    result = function()
    return time.process_time() - began, result

def copy():  # as many bytes as the call reads and returns, in the simplest way
    files = [path.read_bytes() for path in Path({folder!r}).glob("*_batch*")]
    return [np.frombuffer(data, np.uint8).astype({dtype!r}) for data in files]

of_call, result = cpu_seconds(lambda: {call})
try:  # the peak of this process only: getrusage would include that of the parent process
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
del result
print(of_call / min(cpu_seconds(copy)[0] for _ in range(3)), peak * 1024 / 1e6)
"""


def cost(call, dtype, folder):
    """CPU time of a call relative to a plain copy, and peak megabytes, in a process of its own; the better of two."""
    environment = {**os.environ, "CS231N_DATA": str(folder), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", MEASURE.format(call=call, dtype=dtype, folder=str(folder))]
    runs = [subprocess.run(command, env=environment, check=True, capture_output=True, text=True) for _ in range(2)]
    return min(tuple(map(float, run.stdout.split())) for run in runs)


def test_import_needs_numpy_alone():
    """The module imports no plotting, no imaging, and nothing else."""
    code = (
        "import sys, numpy; before = set(sys.modules); import cs231n.data_utils; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'numpy', 'cs231n'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.skipif(not BUILDER.is_file(), reason="no packed CIFAR-10 beside the project")
def test_true_size(tmp_path):
    """CIFAR-10 in its true size: the first rows, the CPU time relative to a copy of the data, and the memory."""
    pytest.importorskip("imageio")
    subprocess.run([sys.executable, BUILDER, tmp_path], check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path / CIFAR10_FOLDER
    Xtr, Ytr, Xte, Yte = load_CIFAR10(folder, dtype=np.uint8)
    assert Xtr.shape == (50000, 32, 32, 3) and Xte.shape == (10000, 32, 32, 3)
    assert (Ytr[:5].tolist(), Yte[:5].tolist()) == ([6, 9, 9, 4, 1], [3, 8, 8, 0, 6])
    assert (Xtr[0, 0, :3].tolist(), Xtr[0, 31, 31].tolist()) == (
        [[59, 62, 63], [43, 46, 45], [50, 48, 43]],
        [123, 92, 72],
    )
    assert np.bincount(Ytr).tolist() == [5000] * 10 and np.bincount(Yte).tolist() == [1000] * 10

    print()
    most = {  # call, dtype -> CPU time relative to a plain copy, megabytes
        ("load_CIFAR10(dtype='uint8')", "uint8"): (15, 700),
        ("load_CIFAR10(dtype='float32')", "float32"): (12, 1000),
        ("load_CIFAR10()", "float64"): (9, 1800),
        ("get_CIFAR10_data(dtype='float32')", "float32"): (18, 1200),
        ("get_CIFAR10_data()", "float64"): (10, 1700),
    }
    for (call, dtype), (most_copies, most_megabytes) in most.items():
        copies, megabytes = cost(f"data_utils.{call}", dtype, folder)
        print(f"{call:34} {copies:5.1f} times the CPU time of a copy, {megabytes:5.0f} MB")
        assert copies < most_copies and megabytes < most_megabytes
