"""What all tests share."""

import numpy as np
import pytest

import emkit
import emkit.data.device


@pytest.fixture(scope="session")
def faithful():
    return emkit.load_data("faithful").numeric()[0]


@pytest.fixture(scope="session")
def iris():
    return emkit.load_data("iris").numeric()[0]


@pytest.fixture(params=["torch", "array_api_strict"])
def made(request, monkeypatch):
    """Return the function that makes a NumPy array one of another library; skip where that is not installed.

    Arrays in the memory of this machine stand for those on a device, which fits then take for them.
    """
    monkeypatch.setattr(emkit.data.device, "is_compiled", lambda: False)
    library = pytest.importorskip(request.param)
    if request.param == "torch":
        library.set_num_threads(1)
    return lambda X: library.asarray(np.array(X))
