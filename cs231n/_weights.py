"""Weights on disk: .npz files of plain arrays, written atomically, read without pickle."""

import os
import zipfile
from pathlib import Path

import numpy as np

from cs231n._files import replacing

SAVED = Path(__file__).parent / "saved"


def write_npz(path, arrays):
    """Write a dict of arrays; a run killed at any moment leaves either the old file or the new one."""
    with replacing(path) as file:
        np.savez(file, **arrays)


def read_npz(path):
    """Read a dict of arrays; the error for any file other than an .npz of plain arrays names that file."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a file of plain arrays as save() writes it: it is damaged, or a pickle, which is never "
            "opened."
        ) from error


def weights_path(fname):
    """Return the path of saved weights in cs231n/saved: `fname`, with the extension .npz in place of .npy or none.

    Any other dot is part of the name: "lr0.01" and "lr0.1" are two files.
    """
    name = os.fspath(fname)
    stem = name.removesuffix(".npz") if name.endswith(".npz") else name.removesuffix(".npy")
    if not stem or stem.startswith(".") or set(stem) & set("/\\:\0"):
        raise ValueError(
            f"fname is {name!r}, expected the name of a file in {SAVED}, such as 'best': without a folder or a drive, "
            "and not starting with a dot."
        )
    return SAVED / f"{stem}.npz"


def save_weights(fname, arrays):
    """Write weights to cs231n/saved and print the file's name."""
    path = weights_path(fname)
    write_npz(path, arrays)
    print(f"{path.name} saved.")


def load_weights(fname, expected=None):
    """Read weights from cs231n/saved; return None if there is no such file.

    `expected` maps each name to the model's current array; a file with other names or shapes is refused.
    """
    path = weights_path(fname)
    if not path.exists():
        print(f"{path.name} not found.")
        return None
    arrays = read_npz(path)
    if expected is not None:
        _require_same_shapes(path.name, arrays, expected)
    print(f"{path.name} loaded.")
    return arrays


def _require_same_shapes(name, arrays, expected):
    saved = {key: value.shape for key, value in arrays.items()}
    current = {key: value.shape for key, value in expected.items()}
    if saved != current:
        raise ValueError(
            f"{name} contains {saved}, but the model has {current}: build it with the sizes it was saved with."
        )


class SavedModel:
    """Lets a model with `params`, and perhaps `bn_params`, be saved in cs231n/saved and loaded again."""

    def save(self, fname):
        """Save the parameters (and running statistics) as cs231n/saved/<fname>, with the extension .npz.

        "best", "best.npy" and "best.npz" name the same file; all other dots belong to the name.
        """
        save_weights(fname, self.params | self._running_statistics())

    def load(self, fname):
        """Load what `save` wrote; return whether the file exists."""
        arrays = load_weights(fname, expected=self.params | self._running_statistics())
        if arrays is None:
            return False
        self.params = {name: arrays[name] for name in self.params}
        for name in self._running_statistics():
            statistic, i = name.split("/")
            self.bn_params[int(i) - 1][statistic] = arrays[name]
        return True

    def _running_statistics(self):
        """Return the running statistics of batch normalisation under names such as running_mean/1."""
        return {
            f"{statistic}/{i}": bn_param[statistic] if statistic in bn_param else np.zeros_like(self.params[f"beta{i}"])
            for i, bn_param in enumerate(getattr(self, "bn_params", ()), 1)
            if "mode" in bn_param  # layer normalisation has no running statistics
            for statistic in ("running_mean", "running_var")
        }
