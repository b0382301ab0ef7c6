"""Every example in a docstring gives what it shows."""

import doctest
import importlib
import pkgutil

import pytest

import emkit


def _with_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for found in pkgutil.walk_packages(emkit.__path__, "emkit."):
        if "_native" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for case in finder.find(module, found.name):
            if case.examples:
                yield pytest.param(case, id=case.name)


@pytest.mark.parametrize("case", list(_with_examples()))
def test_example(case, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    said = []
    doctest.DocTestRunner(verbose=False).run(case, out=said.append)
    assert not said, "".join(said)
