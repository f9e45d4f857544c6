"""Checkpoints of a `Solver`: everything that the rest of a training run depends on, in an .npz file of plain arrays."""

import json

import numpy as np

from cs231n._weights import read_npz, write_npz

HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")
_LABELS = {"num_train": "number of training inputs"}  # options whose names would mean little in an error message


def write(solver, path):
    """Write the state of a solver to a file."""
    optim, settings = _optimizer_state(solver.optim_configs)
    rng, rng_keys = _generator_state()
    about = _options(solver) | {
        "epoch": solver.epoch,
        "seconds": solver.seconds,
        "best_val_acc": solver.best_val_acc,
        "epochs_without_gain": solver.epochs_without_gain,
        "optim": settings,
        "rng": rng,
    }
    arrays = _named("params", solver.model.params) | _named("best_params", solver.best_params) | optim
    arrays |= _named("averages", solver.averages)
    for name, statistics in (("bn_params", solver.statistics()), ("best_bn_params", solver.best_bn_params)):
        for i, arrays_of_layer in enumerate(statistics):
            arrays |= _named(f"{name}/{i}", arrays_of_layer)
    histories = {name: np.array(getattr(solver, name)) for name in HISTORIES}
    write_npz(path, arrays | histories | {"rng_keys": rng_keys, "about": np.array(json.dumps(about))})


def _named(prefix, arrays):
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _optimizer_state(configs):
    """Split the update rules' configs into arrays, under names such as optim/W1/velocity, and other settings."""
    arrays, settings = {}, {}
    for name, config in configs.items():
        state = {key: value for key, value in config.items() if isinstance(value, np.ndarray)}
        arrays |= _named(f"optim/{name}", state)
        settings[name] = {key: value for key, value in config.items() if key not in state}
    return arrays, settings


def _generator_state():
    """Return the state of NumPy's global generator: a list of plain values, and the array of keys."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return [kind, int(position), int(has_gauss), float(gauss)], keys


def _options(solver):
    """Return the options that must stay the same when a run is resumed."""
    return {
        "update_rule": solver.update_rule.__name__,
        "batch_size": solver.batch_size,
        "num_train": solver.num_train,
        "weight_average": solver.weight_average,
    }


def restore(solver, path):
    """Set a solver, its model and NumPy's global generator to the state stored in a file.

    Raises
    ------
    ValueError
        If the file is damaged, or was written by a run with other options.
    """
    arrays = read_npz(path)
    if "about" not in arrays:
        raise ValueError(f"{path} is not a Solver checkpoint.")
    about = json.loads(str(arrays.pop("about")))
    _require_same_run(solver, path, about, arrays)
    names = list(solver.model.params)
    solver.is_complete = False
    solver.epoch, solver.seconds, solver.best_val_acc = about["epoch"], about["seconds"], about["best_val_acc"]
    for name in HISTORIES:
        setattr(solver, name, arrays[name].tolist())
    solver.model.params = {name: arrays[f"params/{name}"] for name in names}
    solver.best_params = _under("best_params/", arrays)
    solver.averages = _under("averages/", arrays)
    solver.epochs_without_gain = about.get("epochs_without_gain", 0)  # not in files of version 0.1
    solver.optim_configs = {name: about["optim"].get(name, {}) | _under(f"optim/{name}/", arrays) for name in names}
    layers = range(len(getattr(solver.model, "bn_params", ())))
    solver.set_statistics([_under(f"bn_params/{i}/", arrays) for i in layers])
    solver.best_bn_params = [_under(f"best_bn_params/{i}/", arrays) for i in layers]
    kind, position, has_gauss, gauss = about["rng"]
    np.random.set_state((kind, arrays["rng_keys"], position, has_gauss, gauss))


def _under(prefix, arrays):
    """Select the arrays whose names start with a prefix, keyed by the rest of the name."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _require_same_run(solver, path, about, arrays):
    written = {name: about.get(name) for name in _options(solver)}  # files of version 0.1 lack the newest ones
    written["parameters"] = {name: w.shape for name, w in _under("params/", arrays).items()}
    expected = _options(solver) | {"parameters": {name: w.shape for name, w in solver.model.params.items()}}
    for name, value in expected.items():
        if written[name] != value:
            raise ValueError(
                f"{path} was written with {_LABELS.get(name, name)} {written[name]}, this solver has {value}: "
                "to resume a run, build the model and the solver with the options it was started with."
            )
