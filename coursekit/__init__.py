"""The course's tools: checks, the learner's edition, grading. The package `cs231n` never imports this one."""

from importlib import import_module

_PUBLIC = {"check": "coursekit.notebook", "check_gradient": "coursekit.gradients"}


def __getattr__(name):
    # Imported on first use: `python -m coursekit lab` runs before NumPy is installed.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'coursekit' has no attribute {name!r}")
