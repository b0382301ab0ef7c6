"""What the latent variables hide: the covariance of the complete-data score given the answers, for standard errors.

By Louis' identity the observed information is that of the complete data less this, summed over people. It takes one
pass where differences of the score take two for each parameter.

References
----------
Louis 1982, JRSS B 44:226.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.irt import placed
from emkit.irt.coding import MISSING
from emkit.irt.curves.base import Role
from emkit.irt.items import ItemRun
from emkit.kernels.gaussian import softmax_rows

__all__ = ["missing_information"]

_NUMBERS = 1 << 22  # of one temporary: rows taken together follow


def missing_information(model: Any, parameters: Any, block: Any) -> FloatArray | None:
    """Return the covariance (e, e) of scores by the entries of the parameters, summed over rows by weight.

    None where the complete data's information is not their expected one: of items whose log odds are not linear in the
    parameters.
    """
    if model.placing is None or not all(run.kind.is_linear for run in model.runs):
        return None
    target = placed.Target(model, parameters, block)
    total: FloatArray | None = None
    for part in placed.parts(target, block, _NUMBERS // max(1, _n_entries(parameters))):
        resp = softmax_rows(part.joint)[1]
        scores = _scores(target, part)
        centred = scores - np.einsum("nq,nqe->ne", resp, scores)[:, None]
        share = (resp * block.weights[part.rows, None]).reshape(-1, 1)
        flat = centred.reshape(len(share), -1)
        own = (flat * share).T @ flat
        total = own if total is None else total + own
    return total


def _n_entries(parameters: Any) -> int:
    return sum(array.size for own in (*parameters.items, parameters.latent) for array in vars(own).values())


def _scores(target: placed.Target, part: Any) -> FloatArray:
    """Return the complete-data scores (n, q, e) of people at their nodes, in the order of the entries."""
    n, q = part.joint.shape
    flat = part.places.reshape(n * q, -1)
    codes = np.repeat(target.codes[part.rows], q, axis=0)
    items = [
        _of_run(run, own, codes[:, list(run.items)].T, flat).reshape(n, q, -1)
        for run, own in zip(target.model.runs, target.parameters.items, strict=True)
    ]
    return np.concatenate([*items, target.latent_scores(part.places, part.rows)], axis=2)


def _of_run(run: ItemRun, own: Any, codes: Array, flat: FloatArray) -> FloatArray:
    """Return the scores (n, e) by the entries of the record of a run, of answers (m, n) at places (n, F)."""
    matrix = run.matrix(own)
    seen = codes != MISSING
    pick = np.where(seen, codes, 0)[:, None, None]
    by_column = (
        np.take_along_axis(
            np.broadcast_to(run.kind.jacobian(matrix, flat), (*matrix.shape, run.n_categories, len(flat))), pick, axis=2
        )[:, :, 0]
        * seen[:, None]
    )
    parts, at = [], 0
    for field in run.kind.layout(own):
        columns = by_column[:, at : at + field.width]
        at += field.width
        if field.role is Role.OWN:
            parts.append(columns.reshape(-1, len(flat)))
        elif field.role is Role.SHARED:
            parts.append(columns.sum(axis=0))
    return np.concatenate(parts).T
