"""Saved fits: one file, a JSON header and plain arrays, never pickle.

`save` writes a fit or a fitted estimator, `load` reads it back. The file is a zip archive with the members

- `header.json`: format version, kind, class, how the fit ended, package versions, and the record as a tree;
- `arrays/<name>.npy`: every array, in NumPy's own format, with its SHA-256 in the header.

An estimator needs no code of its own: what is saved are the arguments of its constructor (`get_params`) and
its attributes that end in `_`. Neither does a model: models, parameters and families are frozen dataclasses.
"""

from emkit.io.files import load, save

__all__ = ["load", "save"]
