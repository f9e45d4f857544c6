"""The built-in data set: its form, its identity on every machine, and the cache."""

import hashlib
import io
import threading

import numpy as np
import pytest

from cs231n import builtin_data
from cs231n.builtin_data import CLASS_NAMES, load_builtin_data, make_builtin_data

SOME_SHA256 = "3786ba82aff52d8b97b4a0ed5fc4433fe60e23c5fe147cddb1317ff55a1cc85d"
WHOLE_SHA256 = "6eb406928c5f93458cf3f2fa631ee55684614c5231d42376c6408df210807f7d"


def sha256(arrays):
    digest = hashlib.sha256()
    for a in arrays:
        digest.update(np.ascontiguousarray(a, a.dtype.newbyteorder("<")))
    return digest.hexdigest()


@pytest.fixture(scope="module")
def some():
    return make_builtin_data(600, 500)


def test_form(some):
    X_train, y_train, X_test, y_test = some
    assert X_train.shape == (600, 32, 32, 3) and X_test.shape == (500, 32, 32, 3)
    assert X_train.dtype == X_test.dtype == np.uint8
    assert y_train.shape == (600,) and y_test.shape == (500,)
    assert y_train.dtype == y_test.dtype == np.int64
    assert all(a.flags.c_contiguous and a.flags.writeable for a in some)


def test_ten_classes_with_names():
    assert len(set(CLASS_NAMES)) == 10
    assert all(isinstance(name, str) and name.isidentifier() for name in CLASS_NAMES)


def test_every_500_hold_50_of_each_class_shuffled(some):
    for y in (some[1][:500], some[3]):
        assert np.bincount(y).tolist() == [50] * 10
        assert 20 < (np.diff(y) == 0).sum() < 90  # about 50 of 499 neighbours have the same label


def test_the_same_bits_everywhere(some):
    """Fails if a change of the module changes the images: measure their difficulty again, then update both sums."""
    assert sha256(some) == SOME_SHA256


@pytest.mark.slow
def test_the_same_bits_everywhere_in_the_whole_set():
    assert sha256(make_builtin_data()) == WHOLE_SHA256


@pytest.mark.parametrize("num_train, num_test", [(0, 0), (1, 0), (499, 3), (501, 500)])
def test_a_smaller_set_is_the_beginning_of_a_larger_one(some, num_train, num_test):
    X_train, y_train, X_test, y_test = make_builtin_data(num_train, num_test)
    np.testing.assert_array_equal(X_train, some[0][:num_train])
    np.testing.assert_array_equal(y_train, some[1][:num_train])
    np.testing.assert_array_equal(X_test, some[2][:num_test])
    np.testing.assert_array_equal(y_test, some[3][:num_test])


def test_no_image_occurs_twice(some):
    assert len(np.unique(np.concatenate(some[::2]).reshape(1100, -1), axis=0)) == 1100


def test_objects_are_visible(some):
    """No image has a single colour, and few pixels are at the ends of the scale."""
    X = some[0].astype(float)
    assert X.std(axis=(1, 2)).max(axis=1).min() > 3
    assert ((X == 0) | (X == 255)).mean() < 0.1


def test_progress_counts_up_to_the_total():
    calls = []
    make_builtin_data(1001, 1, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(500, 1002), (1000, 1002), (1001, 1002), (1002, 1002)]


@pytest.mark.parametrize("num_train, num_test", [(-1, 0), (0, -5), (1.5, 0), (0, "10"), (True, 0), (None, 0)])
def test_invalid_counts_are_refused(num_train, num_test):
    with pytest.raises(ValueError, match="whole number"):
        make_builtin_data(num_train, num_test)


# The cache. Drawing the whole set takes seconds, so here it has 700 images.


@pytest.fixture(scope="module")
def small():
    return make_builtin_data(700, 200)


@pytest.fixture
def drawn(monkeypatch, small):
    """Replaces the whole set by a small one; the list has an entry for each time it is drawn."""
    calls = []

    def make(num_train, num_test, progress=None):
        if (num_train, num_test) != (700, 200):
            return make_builtin_data(num_train, num_test, progress)
        calls.append("drawn")
        return tuple(a.copy() for a in small)

    monkeypatch.setattr(builtin_data, "make_builtin_data", make)
    monkeypatch.setattr(builtin_data, "NUM_TRAIN", 700)
    monkeypatch.setattr(builtin_data, "NUM_TEST", 200)
    return calls


def assert_same(found, expected):
    assert len(found) == len(expected) == 4
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_drawn_once_then_read(tmp_path, drawn, small):
    folder = tmp_path / "datasets" / "builtin"
    first = load_builtin_data(folder)
    assert_same(load_builtin_data(str(folder)), first)
    assert_same(first, small)
    assert len(drawn) == 1
    assert [f.name for f in folder.iterdir()] == [builtin_data.CACHE_NAME]


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    i = len(data) // 3
    return data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]


def other_set(data):
    file = io.BytesIO()
    np.savez(file, **dict(zip(builtin_data.ARRAYS, make_builtin_data(3, 3), strict=True)))
    return file.getvalue()


def other_images(data):
    X_train, *others = make_builtin_data(700, 200)
    file = io.BytesIO()
    np.savez(file, **dict(zip(builtin_data.ARRAYS, (X_train[::-1], *others), strict=True)))
    return file.getvalue()


def pickled(data):
    file = io.BytesIO()
    np.savez(file, X_train=np.array([{}], dtype=object))
    return file.getvalue()


def nonsense(data):
    return b"nonsense" * 9


def empty(data):
    return b""


def one_byte_short(data):
    return data[:-1]


@pytest.mark.parametrize("damage", [cut, one_byte_short, flip, empty, nonsense, other_set, other_images, pickled])
def test_a_damaged_cache_is_written_again(tmp_path, drawn, small, damage):
    first = load_builtin_data(tmp_path)
    cache = tmp_path / builtin_data.CACHE_NAME
    whole = cache.read_bytes()
    cache.write_bytes(damage(whole))
    assert_same(load_builtin_data(tmp_path), first)
    assert len(drawn) == 2
    assert cache.read_bytes()[-100:] == whole[-100:]
    assert_same(load_builtin_data(tmp_path), first)
    assert len(drawn) == 2


def test_killed_while_writing_leaves_the_old_file(tmp_path, drawn, monkeypatch):
    cache = tmp_path / builtin_data.CACHE_NAME
    cache.write_bytes(b"old")

    def killed(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        load_builtin_data(tmp_path)
    assert cache.read_bytes() == b"old"
    assert [f.name for f in tmp_path.iterdir()] == [cache.name]


def test_a_folder_that_is_not_writeable_gives_the_data_and_a_warning(tmp_path, drawn, small):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    with pytest.warns(UserWarning, match="could not be saved"):
        found = load_builtin_data(blocked)
    assert_same(found, small)


def test_several_loads_at_once_do_not_interfere(tmp_path, drawn, small):
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_builtin_data(tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for arrays in found:
        assert_same(arrays, small)
    assert [f.name for f in tmp_path.iterdir()] == [builtin_data.CACHE_NAME]
