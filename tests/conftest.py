"""Settings for all tests: numeric trouble is an error, and each test starts from the same random state."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_numbers():
    """Raise on division by zero, overflow and invalid values; seed NumPy's global generator."""
    state = np.random.get_state()
    np.random.seed(0)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield
    np.random.set_state(state)
