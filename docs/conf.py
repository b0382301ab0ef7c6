"""How the documentation is built. No step needs a network."""

import sys
from pathlib import Path
from typing import Any

import emkit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "emkit"
author = copyright = "The emkit developers"
version = release = emkit.__version__

extensions = [
    "executed",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_ext", "_generated", "auto_examples/*.ipynb"]
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "emkit"
html_show_sourcelink = False
html_theme_options = {"navigation_depth": 2, "show_prev_next": True, "secondary_sidebar_items": ["page-toc"]}


def _keep_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Show |x| in a docstring as it stands: reStructuredText would take it for a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", _keep_bars)
