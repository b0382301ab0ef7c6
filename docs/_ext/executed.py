"""Pages that run: every ```python block of a Markdown page is executed, in order, in one namespace per page.

In a ```console block every line that begins with `$ emkit` is run. The build puts what a block printed and drew
below it; the tests run the same blocks (tests/docs). What is drawn are the figures of pyplot, and a display that is the
last expression of a block. A page is plain Markdown: no directive, no stored output, nothing that can be out of date.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import sys
import tempfile
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Block", "blocks_of", "run_page", "setup"]

_FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_GENERATED = "_generated"


@dataclass(frozen=True)
class Block:
    """One executed block: its language and code, the line of the page it starts on, and where it ends."""

    language: str
    code: str
    line: int
    end: int


def blocks_of(text: str) -> list[Block]:
    """Return the executed blocks of a page."""
    found = _FENCE.finditer(text)
    return [Block(match[1], match[2], text.count("\n", 0, match.start(2)) + 1, match.end()) for match in found]


def run_page(text: str, name: str) -> Iterator[tuple[Block, str, list[Any]]]:
    """Run the blocks of a page in a folder of their own; yield each with what it printed and drew.

    Raises
    ------
    RuntimeError
        If a block raises; the message names the line of the page.
    """
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), _module("page") as namespace:
        for block in blocks_of(text):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                shown = _run_commands(block, name) if block.language == "console" else _run(block, name, namespace)
            yield block, printed.getvalue(), [*map(plt.figure, plt.get_fignums()), *shown]
            plt.close("all")


@contextlib.contextmanager
def _module(name: str) -> Iterator[dict[str, Any]]:
    """Yield the namespace of a new module: classes of a page are found again by the name of their module."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        yield vars(module)
    finally:
        del sys.modules[name]


def _run(block: Block, name: str, namespace: dict[str, Any]) -> list[Any]:
    """Execute a block; return the figure of the display that is its last expression, if it is one."""
    try:
        tree = ast.parse("\n" * (block.line - 1) + block.code, name)  # so that errors name the line of the page
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
    except Exception as error:
        message = f"{name}, line {_line_of(error, name, block)}: {type(error).__name__}: {error}"
        raise RuntimeError(message) from error
    return [value.figure_] if hasattr(value, "_repr_png_") else []


def _run_commands(block: Block, name: str) -> list[Any]:
    """Run the commands of a console block; one that is wrong (exit code 2) is an error of the page."""
    from emkit.cli import main

    for number, line in enumerate(block.code.splitlines()):
        if line.startswith("$ emkit "):
            code = main(shlex.split(line.removeprefix("$ emkit ")))
            if code not in (0, 1):
                message = f"{name}, line {block.line + number}: exit code {code} from {line!r}"
                raise RuntimeError(message)
    return []


def _line_of(error: Exception, name: str, block: Block) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return lines[-1] or block.line if lines else block.line


def _with_results(text: str, name: str, pictures: Path, depth: int) -> str:
    """Return a page with what its blocks printed and drew below them."""
    parts, done = [], 0
    for number, (block, printed, figures) in enumerate(run_page(text, name)):
        parts.append(text[done : block.end])
        done = block.end
        if printed:
            parts.append(f"\n\n```text\n{printed.rstrip()}\n```")
        for count, figure in enumerate(figures):
            stem = f"{name.removesuffix('.md').replace('/', '-')}-{number}-{count}.png"
            figure.savefig(pictures / stem, dpi=120, bbox_inches="tight")
            parts.append(f"\n\n![picture drawn by the code above]({'../' * depth}{_GENERATED}/{stem})")
    return "".join([*parts, text[done:]])


def _execute(app: Any, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md" and blocks_of(source[0]):
        pictures = Path(app.srcdir) / _GENERATED
        pictures.mkdir(exist_ok=True)
        source[0] = _with_results(source[0], f"{docname}.md", pictures, docname.count("/"))


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _execute)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
