"""Tables larger than memory: fits read them in passes; answers are asked and written a block of rows at a time."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emkit.cli.subjects import answer_of, has_answer, names_of
from emkit.cli.tables import layout_of, read_rows, sentence_of, split_names
from emkit.cli.writing import is_parquet, writing
from emkit.data import Source, as_source, scan
from emkit.data.scan import first_rows

__all__ = ["StreamedRows", "is_large", "predict_large", "streamed_rows", "writes_blocks"]

_LARGE = 1 << 25  # bytes of a file from which it is not read whole


@dataclass(frozen=True)
class StreamedRows:
    """Rows of a file that are read in every pass of a fit; their weights are in the source.

    Parameters
    ----------
    data : Source
    name : str
    skipped : tuple of str
        Columns left out because they are not numeric.
    """

    data: Source
    name: str
    skipped: tuple[str, ...]
    weights: None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.data.n_rows

    @property
    def names(self) -> tuple[str, ...]:
        """The columns chosen."""
        return self.data.feature_names or ()

    @property
    def features(self) -> Source:
        """What a fit is asked about."""
        return self.data

    @property
    def sentence(self) -> str:
        """What is read, in words."""
        return sentence_of(self.name, self.n_rows, self.names, self.skipped)


def streamed_rows(arguments: Namespace, takes: Container[str]) -> StreamedRows:
    """Return the rows of a file for a model that takes these options.

    Raises
    ------
    DataError
        If a column is not there, or none is numeric.
    """
    layout = layout_of(arguments)
    keys = {name: getattr(arguments, name) for name in ("sequence", "time") if name in takes}
    named = [name for name in (*keys.values(), arguments.weights) if name is not None]
    head = first_rows(arguments.data, **layout)
    skipped: tuple[str, ...] = ()
    if arguments.columns is not None:
        names = split_names(arguments.columns)
        head.select(names)
    else:
        skipped = tuple(name for name in head.skipped if name not in named)
        names = [name for name in head.names if name not in head.skipped and name not in named]
        if not names:
            head.select([name for name in head.names if name not in named]).numeric()  # says that none is numeric
    own = {name: value for name, value in keys.items() if value is not None}
    source = scan(arguments.data, names, weights=arguments.weights, n_threads=arguments.threads, **own, **layout)
    return StreamedRows(source, str(arguments.data), skipped)


def is_large(path: Path) -> bool:
    """Return whether a file is too large to be read whole, or is a folder of files."""
    return path.is_dir() or (path.is_file() and path.stat().st_size > _LARGE)


def writes_blocks(arguments: Namespace) -> bool:
    """Return whether the rows are to be read and the answers written block by block."""
    is_table = arguments.out is not None and is_parquet(Path(arguments.out))
    return is_table or (is_large(Path(arguments.data)) and arguments.out is not None and not arguments.json)


def predict_large(arguments: Namespace, saved: Any) -> None:
    """Write the most probable component of each row, numbered from 1, and the probability of each."""
    predicted = answer_of(saved, "predict", "components")
    shares = answer_of(saved, "predict_proba", "probabilities") if has_answer(saved, "predict_proba") else None
    source = _source(arguments, saved)
    with writing(Path(arguments.out)) as write:
        for block in source.blocks():
            found = {"component": predicted(block.X) + 1}
            if shares is not None:
                found |= {f"prob_{k + 1}": part for k, part in enumerate(shares(block.X).T)}
            write(list(found), list(found.values()))


def _source(arguments: Namespace, saved: Any) -> Source:
    if not Path(arguments.data).exists():  # a shipped table
        return as_source(read_rows(arguments, None, names_of(saved)).matrix)
    columns = names_of(saved) if arguments.columns is None else split_names(arguments.columns)
    return scan(arguments.data, columns, memory_limit=0, **layout_of(arguments))
