"""The course's tools: checks, the learner's edition, grading. The package `cs231n` never imports this one."""

import os
from importlib import import_module

_PUBLIC = {
    "check": "coursekit.learner.checking",
    "check_gradient": "coursekit.running.gradients",
    "hint": "coursekit.judging.hints",
    "inputs": "coursekit.running.inputs",
    "prepare_notebook": "coursekit.running.notebook",
    "solution": "coursekit.judging.model_answers",
}
_IN_THE_SANDBOX = dict.fromkeys(("check", "hint", "solution"), "coursekit.running.handover")  # where there is no judge


def __getattr__(name):
    # Imported on first use: `python -m coursekit lab` runs before NumPy is installed.
    modules = _PUBLIC | (_IN_THE_SANDBOX if "COURSEKIT_GRADING" in os.environ else {})
    if name in modules:
        return getattr(import_module(modules[name]), name)
    raise AttributeError(f"module 'coursekit' has no attribute {name!r}")
