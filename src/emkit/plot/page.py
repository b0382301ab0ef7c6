"""A report on an item response model as one page of HTML that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError
from emkit.plot.display import Display
from emkit.plot.item_fit import ItemFitDisplay
from emkit.plot.items import InformationDisplay, ItemCurvesDisplay, WrightMapDisplay
from emkit.report.layout import number

__all__ = ["write_item_report"]

_PICTURES = 60  # of curves: more make a page that browsers choke on
_TOGETHER = 8  # items of two categories in one picture
_PAIRS = 10
_LOW = -2.0  # Zh below which a person's answers surprise
_DOUBTFUL = 0.01

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.8rem 0;display:block;overflow-x:auto}
th,td{padding:.15rem .7rem;text-align:right;border-bottom:1px solid #eee;white-space:nowrap}
th:first-child,td:first-child{text-align:left}tr.doubtful td{background:#fdf0e0}
img{max-width:100%;height:auto;margin:.5rem 0}p.note{background:#f5f5f5;padding:.5rem .8rem}"""


def write_item_report(
    model: Any, path: Any, X: Any, *, sample_weight: Any = None, group: Any = None, covariates: Any = None
) -> Path:
    """Write the report on a fitted `ItemResponseModel` and its answers, and return the path.

    Raises
    ------
    DataError
        If there is no folder to write to.
    """
    target = Path(path)
    if not target.parent.is_dir():
        message = f"there is no folder {str(target.parent)!r} to write {target.name!r} to: make it first"
        raise DataError(message)
    body = "\n".join(_sections(model, X, sample_weight, group, covariates))
    head = f'<meta charset="utf-8"><title>Item report</title><style>{_STYLE}</style>'
    page = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'
    target.write_text(page, encoding="utf-8")
    return target


def _sections(model: Any, X: Any, sample_weight: Any, group: Any, covariates: Any) -> Iterator[str]:
    yield "<h1>Item report</h1>"
    yield _table(("", ""), _facts(model), ())
    for note in model.fit_.notes:
        yield f'<p class="note">{html.escape(str(note))}</p>'
    scores = model.scores(X, group=group, covariates=covariates)
    yield from _latent(model)
    yield "<h2>Items</h2>"
    yield from _items(model)
    if model.explained_.names:
        note = "Fit of items, of the model and of people is not judged for models with covariates."
        yield f'<p class="note">{note}</p>'
    else:
        yield from _fits(model, X, sample_weight, group)
    yield "<h2>People and items</h2>"
    yield from _pictures(model, scores.theta, sample_weight)
    yield "<h2>People</h2>"
    yield _table(("", ""), _people(scores, sample_weight), ())
    if not model.explained_.names:
        zh = model.person_fit(X, group=group).zh
        yield f"<p>Rows of surprising answers (Zh below {_LOW:g}): {int((zh < _LOW).sum())} of {len(zh)}.</p>"
    yield "<h2>Curves</h2>"
    yield from _curves(model)


def _fits(model: Any, X: Any, sample_weight: Any, group: Any) -> Iterator[str]:
    fit = model.item_fit(X, sample_weight, group=group)
    yield "<h2>Fit of items</h2>"
    yield "<p>Infit and outfit are about 1 where an item fits; a small p says that S-X2 finds misfit (shaded).</p>"
    doubtful = [i for i, p in enumerate(fit.p) if p < _DOUBTFUL]
    yield _of_columns(fit.to_dict(), doubtful)
    for i in doubtful[:_TOGETHER]:
        display = ItemFitDisplay.from_estimator(model, X, fit.items[i], sample_weight, group=group)
        yield _image(display, f"fit of {fit.items[i]}")
    yield "<h2>Fit of the model</h2>"
    yield _model_fit(model, X, sample_weight, group)
    pairs = model.local_dependence(X, sample_weight, group=group).to_dict()
    yield "<h2>Pairs of items that depend on each other most</h2>"
    yield _of_columns({name: column[:_PAIRS] for name, column in pairs.items()}, [])


def _latent(model: Any) -> Iterator[str]:
    """Yield what is known of the latent variables, where anything of them was estimated."""
    tables = [table for table in model.model_.describe(model.parameters_, None) if table.title != "Items"]
    if not tables and not model.groups_ and not model.explained_.names:
        return
    yield "<h2>Latent variables</h2>"
    for table in tables:
        rows = [tuple(str(cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows]
        yield f"<p>{html.escape(table.title)}.</p>"
        yield _table(table.header, rows, ())
    if model.groups_:
        yield f"<p>Groups, in this order: {html.escape(', '.join(map(str, model.groups_)))}.</p>"
    if model.explained_.names:
        yield "<p>Effects of the covariates on the latent variable.</p>"
        effects = np.asarray(model.latent_coef_).reshape(len(model.covariate_names_), -1)
        heads = ["effect"] if effects.shape[1] == 1 else [f"on factor {f + 1}" for f in range(effects.shape[1])]
        rows = [(name, *own) for name, own in zip(model.covariate_names_, effects.tolist(), strict=True)]
        yield _table(("covariate", *heads), rows, ())


def _facts(model: Any) -> list[tuple[str, Any]]:
    fit = model.fit_
    return [
        ("model", str(model.item_type)),
        ("people (weights)", float(fit.weight)),
        ("items", len(model.item_names_)),
        ("log-likelihood", f"{fit.loglik:.3f}"),
        ("parameters", fit.n_free),
        ("AIC", f"{fit.aic:.2f}"),
        ("BIC", f"{fit.bic:.2f}"),
        ("status", fit.status.name.lower()),
    ]


def _items(model: Any) -> Iterator[str]:
    found = model.coef(standard_errors=True)
    yield "<p>Slopes and intercepts, each with its standard error.</p>"
    columns: dict[str, Sequence[Any]] = {"item": found.items}
    for c, name in enumerate(found.columns):
        columns |= {name: found.values[:, c].tolist(), f"s.e. {name}": found.standard_errors[:, c].tolist()}
    yield _of_columns(columns, [])
    form = model.coef("traditional")
    yield "<p>Discriminations and difficulties.</p>"
    yield _of_columns({"item": form.items} | {name: form[name].tolist() for name in form.columns}, [])


def _model_fit(model: Any, X: Any, sample_weight: Any, group: Any) -> str:
    try:
        return _of_columns(model.model_fit(X, sample_weight, group=group).to_dict(), [])
    except (DataError, ParameterError) as problem:
        return f'<p class="note">{html.escape(str(problem))}</p>'


def _people(scores: Any, sample_weight: Any) -> list[tuple[str, Any]]:
    theta = np.atleast_2d(scores.theta.T)
    weights = np.ones(theta.shape[1]) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    rows: list[tuple[str, Any]] = [("people (weights)", float(weights.sum()))]
    for f, own in enumerate(theta):
        label = "score" if len(theta) == 1 else f"score {f + 1}"
        mean = float(np.average(own, weights=weights))
        sd = float(np.sqrt(np.average((own - mean) ** 2, weights=weights)))
        rows += [(f"mean {label}", mean), (f"s.d. of {label}s", sd)]
        ends = ", ".join(number(value, 3) for value in _quantiles(own, weights))
        rows.append((f"5, 50 and 95 percent of {label}s", ends))
    reliability = np.atleast_1d(scores.reliability_of(weights))
    rows.append(("reliability of EAP scores", ", ".join(number(float(value), 3) for value in reliability)))
    return rows


def _quantiles(values: FloatArray, weights: FloatArray) -> list[float]:
    order = np.argsort(values, kind="stable")
    below = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    return np.interp([0.05, 0.5, 0.95], below, values[order]).tolist()


# --- pictures ---


def _pictures(model: Any, theta: FloatArray, sample_weight: Any) -> Iterator[str]:
    if theta.ndim == 1 and any(name[0] == "b" for name in model.coef("traditional").columns):
        difficulty = np.atleast_2d(model.difficulty_.T).T[: len(model.item_names_)]
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        yield _image(WrightMapDisplay(theta, difficulty, model.item_names_, weights).plot(), "Wright map")
    for factor in range(min(1 if theta.ndim == 1 else theta.shape[1], _TOGETHER)):
        yield _image(InformationDisplay.from_estimator(model, factor=factor), f"test information, factor {factor + 1}")


def _curves(model: Any) -> Iterator[str]:
    factor = _factor_of(model)
    binary = [name for name in model.item_names_ if len(model.categories_[name]) == 2]
    chunks = [[name] for name in model.item_names_ if len(model.categories_[name]) > 2]
    for f in sorted(set(factor.values())):
        own = [name for name in binary if factor[name] == f]
        chunks += [own[i : i + _TOGETHER] for i in range(0, len(own), _TOGETHER)]
    for chunk in chunks[:_PICTURES]:
        display = ItemCurvesDisplay.from_estimator(model, chunk, factor=factor[chunk[0]])
        yield _image(display, f"curves of {', '.join(chunk)}")
    if len(chunks) > _PICTURES:
        yield f'<p class="note">The curves of {len(chunks) - _PICTURES} more pictures are left out.</p>'


def _factor_of(model: Any) -> dict[str, int]:
    """Return the factor along which each item is drawn: its strongest, or the general one if there is one."""
    if model.model_.n_factors == 1 or model.model_.specific is not None:
        return dict.fromkeys(model.item_names_, 0)
    slopes = np.nan_to_num(np.abs(model.discrimination_))[: len(model.item_names_)]
    return dict(zip(model.item_names_, slopes.argmax(axis=1).tolist(), strict=True))


def _image(display: Display, text: str) -> str:
    """Return a picture as an element that holds its own data."""
    held = io.BytesIO()
    display.figure_.savefig(held, format="svg", metadata={"Date": None})
    data = base64.b64encode(held.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(text)}" src="data:image/svg+xml;base64,{data}">'


# --- tables ---


def _of_columns(columns: dict[str, Sequence[Any]], doubtful: Sequence[int]) -> str:
    return _table(tuple(columns), list(zip(*columns.values(), strict=True)), doubtful)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]], doubtful: Sequence[int]) -> str:
    lines = [_row("th", header, is_doubtful=False)] if any(header) else []
    lines += [_row("td", row, is_doubtful=i in doubtful) for i, row in enumerate(rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _row(tag: str, cells: Sequence[Any], *, is_doubtful: bool) -> str:
    inner = "".join(f"<{tag}>{html.escape(_text(cell))}</{tag}>" for cell in cells)
    return f'<tr class="doubtful">{inner}</tr>' if is_doubtful else f"<tr>{inner}</tr>"


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    return "" if np.isnan(cell) else number(cell)
