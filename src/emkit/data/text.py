"""Delimited text (CSV, TSV, blanks) to columns, by the standard library, or by pyarrow with equal results.

A column is numeric if every cell is a number or a missing value. Cells go through Python's ``float``, which
rounds correctly; chunks keep the memory for text small.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import importlib
import re
import statistics
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from emkit.data.text_cells import MISSING, floats, texts, truth
from emkit.errors import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TextFormat", "TextStream", "read_text"]

_DELIMITERS = ("\t", ";", "|", ",")
_BLANKS = " "
_UTF8 = "utf-8-sig"
_POINT = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
# Not 1,234: that may as well be a number of thousands.
_COMMA = re.compile(r"[+-]?(0?,\d+|\d{4,},\d+|\d+,(\d{1,2}|\d{4,}))(e[+-]?\d+)?", re.IGNORECASE)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEAD_LINES = 50
_CHUNK_ROWS = 2000  # small enough that the cells stay in cache: twice as fast as 50,000
_ARROW_BYTES = 16_000_000  # below, importing pyarrow costs more than it saves


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a text file is laid out; None where the file itself shall tell.

    Attributes
    ----------
    delimiter : str or None
        One character; a blank stands for any run of blanks.
    header : bool or None
        Whether the first line holds names. None: it does unless one of its cells is a number.
    decimal : str or None
        The decimal mark, "." or ",". None: the comma if cells are separated otherwise and hold numbers only with it.
    encoding : str
        A file that begins with the mark of UTF-16 is read as that where this is the default.
    missing : tuple of str
        Words that stand for a missing cell, beside the usual ones.
    """

    delimiter: str | None = None
    header: bool | None = None
    decimal: str | None = None
    encoding: str = _UTF8
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the head of a file told."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    has_header: bool
    decimal: str
    encoding: str
    missing: frozenset[str]


def read_text(path: Path, layout: TextFormat) -> dict[str, NDArray[Any]]:
    """Return the columns of a delimited text file, gzipped or not, by name.

    Raises
    ------
    DataError
        If the file is empty, ragged, not text in this encoding, or badly quoted; it names the line.
    """
    layout = _marked(path, layout)
    with _explained(path, layout.encoding):
        found = _look(path, layout)
        columns = _by_arrow(found) or _by_csv(found)
    return {name: truth(column) for name, column in zip(found.names, columns, strict=True)}


class TextStream:
    """A delimited text file, read a chunk of lines at a time.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    """

    def __init__(self, path: Path, layout: TextFormat) -> None:
        layout = _marked(path, layout)
        with _explained(path, layout.encoding):
            self._layout = _look(path, layout)
        self.names = self._layout.names

    def chunks(self) -> Generator[dict[str, NDArray[Any]], None, None]:
        """Yield the columns by name, numbers where every cell of the chunk is one."""
        with _explained(self._layout.path, self._layout.encoding):
            yield from self._by_arrow() or self._by_csv()

    def _by_csv(self) -> Iterator[dict[str, NDArray[Any]]]:
        for _, cells in _chunks(self._layout):
            columns = []
            for column in cells:
                values = floats(column, self._layout.decimal, self._layout.missing)
                columns.append(truth(texts(column, self._layout.missing)) if values is None else values)
            yield dict(zip(self.names, columns, strict=True))

    def _by_arrow(self) -> Iterator[dict[str, NDArray[Any]]] | None:
        """Return the chunks as pyarrow reads them; None where it may read them otherwise."""
        found = _arrow_options(self._layout)
        if found is None or "string" in found.kinds:
            return None
        return self._arrow_chunks(found)

    def _arrow_chunks(self, found: _ArrowOptions) -> Iterator[dict[str, NDArray[Any]]]:
        with found.reader.open_csv(self._layout.path, **found.options) as file:
            for batch in file:
                columns = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in batch.columns]
                yield dict(zip(self.names, columns, strict=True))


def _marked(path: Path, layout: TextFormat) -> TextFormat:
    """Return the layout with the encoding that the first bytes of the file tell, checked."""
    _check_layout(layout)
    if layout.encoding != _UTF8:
        return layout
    with path.open("rb") as file:
        return replace(layout, encoding="utf-16") if file.read(2) in _UTF16_MARKS else layout


def _check_layout(layout: TextFormat) -> None:
    try:
        codecs.lookup(layout.encoding)
    except LookupError as error:
        msg = f"`encoding` must be one such as 'utf-8', 'latin-1' or 'cp1252', got {layout.encoding!r}."
        raise ParameterError(msg) from error
    if layout.delimiter is not None and len(layout.delimiter) != 1:
        msg = f"`delimiter` must be one character, such as ';' or a tab, got {layout.delimiter!r}."
        raise ParameterError(msg)
    if layout.decimal not in (None, ".", ","):
        msg = f"`decimal` must be '.' or ',', got {layout.decimal!r}."
        raise ParameterError(msg)


def _look(path: Path, layout: TextFormat) -> _Layout:
    """Read the head of the file: what separates cells, and what the columns are called."""
    with _open(path, layout.encoding) as file:
        head = [line for line in islice(file, _HEAD_LINES) if line.strip()]
    if not head:
        msg = f"{path} is empty: expected lines of numbers, with column names in the first."
        raise DataError(msg)
    delimiter = layout.delimiter or ("\t" if path.suffix in {".tsv", ".tab"} else _guess_delimiter(head))
    decimal = layout.decimal or _guess_decimal(head, delimiter)
    missing = MISSING | frozenset(layout.missing)
    with _open(path, layout.encoding) as file:
        first, second = ([*islice(_rows(file, delimiter), 2), None])[:2]
    assert first is not None, "a file with text has a first row"
    has_header = layout.header if layout.header is not None else not any(_is_number(c, decimal, missing) for c in first)
    if has_header and second is None:
        msg = f"{path} holds one line of names ({', '.join(first[:5])}) and no data."
        raise DataError(msg)
    names = _names(first, second) if has_header else tuple(f"x{j + 1}" for j in range(len(first)))
    return _Layout(path, delimiter, names, has_header, decimal, layout.encoding, missing)


def _guess_delimiter(head: Sequence[str]) -> str:
    """Return the delimiter that cuts all lines of the head alike, and in more than one cell."""
    for delimiter in _DELIMITERS:
        # A table written by R has no name for its row names: the first line may be one cell short.
        widths = [len(row) for row in csv.reader(head, delimiter=delimiter) if row]
        if widths[0] > 1 and len(set(widths[1:])) <= 1:
            return delimiter
    if not any(delimiter in head[0] for delimiter in _DELIMITERS):
        # By the most frequent width: one ragged line shall be reported as such.
        return _BLANKS if statistics.mode(len(line.split()) for line in head[1:] or head) > 1 else ","
    return max(_DELIMITERS, key=lambda d: (head[0].count(d), d == ","))


def _guess_decimal(head: Sequence[str], delimiter: str) -> str:
    """Return the decimal mark of the numbers in the head of a file."""
    if delimiter == ",":
        return "."
    rows = (line.split() for line in head) if delimiter == _BLANKS else csv.reader(head, delimiter=delimiter)
    cells = [cell.strip() for row in rows for cell in row]
    is_comma = any(map(_COMMA.fullmatch, cells)) and not any(map(_POINT.fullmatch, cells))
    return "," if is_comma else "."


def _names(first: Sequence[str], second: Sequence[str] | None) -> tuple[str, ...]:
    """Return names without blanks or repeats."""
    if second is not None and len(second) == len(first) + 1:
        first = ["row", *first]
    names: list[str] = []
    for j, cell in enumerate(first):
        base = cell.strip() or f"x{j + 1}"
        name, i = base, 2
        while name in names:
            name, i = f"{base}_{i}", i + 1
        names.append(name)
    return tuple(names)


def _is_number(cell: str, decimal: str, missing: frozenset[str]) -> bool:
    return cell.strip() not in missing and floats([cell], decimal, missing) is not None


def _by_csv(layout: _Layout) -> list[NDArray[Any]]:
    """Read chunk by chunk; a column that turns out to be text late is read again, as text."""
    text: set[int] = set()
    while True:
        columns, late = _one_pass(layout, text)
        if not late:
            return columns
        text |= late


def _one_pass(layout: _Layout, text: set[int]) -> tuple[list[NDArray[Any]], set[int]]:
    parts: list[list[NDArray[Any]]] = [[] for _ in layout.names]
    late: set[int] = set()
    for chunk, cells in _chunks(layout):
        for j, column in enumerate(cells):
            values = None if j in text else floats(column, layout.decimal, layout.missing)
            if values is None:
                if chunk > 0 and j not in text:
                    late.add(j)
                    continue
                text.add(j)
                values = texts(column, layout.missing)
            parts[j].append(values)
    return [np.concatenate(part) if part else np.empty(0) for part in parts], late


def _chunks(layout: _Layout) -> Iterator[tuple[int, list[tuple[str, ...]]]]:
    """Yield the cells of each column, a chunk of rows at a time."""
    with _open(layout.path, layout.encoding) as file:
        rows = _rows(file, layout.delimiter)
        if layout.has_header:
            next(rows)
        chunk = 0
        while lines := list(islice(rows, _CHUNK_ROWS)):
            try:
                cells = list(zip(*lines, strict=True))
            except ValueError:
                cells = []
            if len(cells) != len(layout.names):
                _raise_ragged(layout)
            yield chunk, cells
            chunk += 1


def _rows(file: IO[str], delimiter: str) -> Iterator[list[str]]:
    """Return the rows that are not blank."""
    return filter(None, _reader(file, delimiter))


def _reader(file: IO[str], delimiter: str) -> Any:
    if delimiter == _BLANKS:
        lines = (line.replace("\t", " ").strip() for line in file)
        return csv.reader(lines, delimiter=" ", skipinitialspace=True, strict=True)
    return csv.reader(file, delimiter=delimiter, strict=True)


def _raise_ragged(layout: _Layout) -> None:
    """Find the first line with another number of cells than there are names."""
    width = len(layout.names)
    with _open(layout.path, layout.encoding) as file:
        skip = layout.has_header
        reader = _reader(file, layout.delimiter)
        for row in reader:
            if row and not skip and len(row) != width:
                msg = (
                    f"{layout.path}, line {reader.line_num}: expected {width} cells as in the first line, "
                    f"but found {len(row)} ({layout.delimiter.join(row[:6])!r}). "
                    f"Cells are separated by {layout.delimiter!r}."
                )
                raise DataError(msg)
            skip = skip and not row
    msg = f"{layout.path} changed while it was read: read it again."
    raise DataError(msg)


@dataclass(frozen=True, slots=True)
class _ArrowOptions:
    """The modules of pyarrow, and how it is told to read a file."""

    library: Any
    reader: Any
    kinds: list[str]
    options: dict[str, Any]


def _arrow_options(layout: _Layout) -> _ArrowOptions | None:
    """Return how pyarrow reads a large file, told the kind of each column; None where it may differ."""
    is_plain = layout.encoding in {"utf-8", "utf-8-sig"} and layout.decimal == "." and layout.delimiter != _BLANKS
    if not is_plain or layout.path.suffix == ".gz" or layout.path.stat().st_size < _ARROW_BYTES:
        return None
    try:
        reader, library = importlib.import_module("pyarrow.csv"), importlib.import_module("pyarrow")
    except ImportError:
        return None
    _, cells = next(_chunks(layout))
    kinds = ["string" if floats(column, ".", layout.missing) is None else "float64" for column in cells]
    names = [str(j) for j in range(len(kinds))]
    options = {
        "read_options": reader.ReadOptions(column_names=names, skip_rows=int(layout.has_header)),
        "parse_options": reader.ParseOptions(delimiter=layout.delimiter),
        "convert_options": reader.ConvertOptions(
            column_types={name: getattr(library, kind)() for name, kind in zip(names, kinds, strict=True)},
            null_values=sorted(layout.missing),
            strings_can_be_null=True,
        ),
    }
    return _ArrowOptions(library, reader, kinds, options)


def _by_arrow(layout: _Layout) -> list[NDArray[Any]] | None:
    found = _arrow_options(layout)
    if found is None:
        return None
    try:
        table = found.reader.read_csv(layout.path, **found.options)
    except found.library.ArrowException:  # a cell, quote or line that it reads otherwise: the csv module decides
        return None
    return [
        np.array(column.to_numpy(), dtype=np.float64 if kind == "float64" else object)
        for column, kind in zip(table.columns, found.kinds, strict=True)
    ]


@contextmanager
def _open(path: Path, encoding: str) -> Iterator[IO[str]]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding=encoding, newline="") as file:
        yield file


@contextmanager
def _explained(path: Path, encoding: str) -> Iterator[None]:
    """Turn what goes wrong while reading text into an error that names the line."""
    try:
        yield
    except UnicodeDecodeError as error:
        line, byte = _undecodable(path, encoding)
        msg = (
            f"{path}, line {line}: byte 0x{byte:02x} is not text in the encoding {encoding!r}. "
            "If this is a text file, name its encoding, such as encoding='latin-1' or 'utf-16'."
        )
        raise DataError(msg) from error
    except csv.Error as error:
        msg = f"{path} is not a well-formed text table: {error}. Look for a quote that is not closed."
        raise DataError(msg) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        msg = f"{path} is named .gz, but cannot be decompressed: {error}. The file is damaged, or no gzip file."
        raise DataError(msg) from error


def _undecodable(path: Path, encoding: str) -> tuple[int, int]:
    """Return line number and value of the first byte that does not decode."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, line[error.start]
    return 1, 0
