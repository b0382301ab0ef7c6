"""What all tests share."""

import pytest

import emkit


@pytest.fixture(scope="session")
def faithful():
    return emkit.load_data("faithful").numeric()[0]


@pytest.fixture(scope="session")
def iris():
    return emkit.load_data("iris").numeric()[0]
