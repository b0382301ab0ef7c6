"""Several EM steps of a Gaussian mixture, plain or accelerated, in NumPy: the test oracle of the compiled climb.

The flat arrays `state` and `memory` are laid out as there; see `kernels.gaussian_climb`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emkit.kernels.twins import gaussian
from emkit.kernels.twins.covariance import compose, estimate_covariances

__all__ = ["LAGS", "gaussian_climb"]

LAGS = 20
_NOISE = 16 * float(np.finfo(np.float64).eps)
_LEAST_COUNT = 1e-12
_IN_A_ROW = 3
_LENGTHS = (1.0, 0.5, 0.2)


def gaussian_climb(
    X: Any,
    weights: Any,
    floor: Any,
    form: int,
    is_shared: bool,
    state: Any,
    memory: Any,
    k: int,
    n_steps: int,
    is_fast: bool,
    enough: float,
) -> tuple[int, Any]:
    """Take up to `n_steps` EM steps; return how many were made, and their rows."""
    climber = _Climber(X, weights, floor, form, is_shared, k)
    here, history = climber.split(state), _History(memory, climber)
    rows, in_a_row = np.full((n_steps, 3), np.nan), 0
    n_done = 0
    while n_done < n_steps and in_a_row < _IN_A_ROW:
        moved = climber.fast(here, history) if is_fast else climber.plain(here)
        if moved is None:
            break
        there, left, n_e_steps = moved
        gain = there["objective"] - here["objective"]
        rows[n_done] = there["objective"], left, n_e_steps
        n_done += 1
        has_fallen = gain < -_noise_of(here["objective"])
        here = there
        if has_fallen:
            break
        in_a_row = in_a_row + 1 if left < enough and gain < enough else 0
    state[:] = climber.joined(here)
    return n_done, rows


def _noise_of(objective: float) -> float:
    return _NOISE * max(1.0, abs(objective))


class _Climber:
    """The mixture's EM step on dictionaries of arrays."""

    def __init__(self, X: Any, weights: Any, floor: Any, form: int, is_shared: bool, k: int) -> None:
        self.X, self.weights, self.floor, self.form, self.is_shared, self.k = X, weights, floor, form, is_shared, k
        self.d = X.shape[1]
        self.is_diagonal = form <= 2
        square = (k, self.d) if self.is_diagonal else (k, self.d, self.d)
        matrix = (k, 0) if self.is_diagonal else (k, self.d, self.d)
        self.shapes = {
            "mix": (k,),
            "mean": (k, self.d),
            "volume": (k,),
            "shape": (k, self.d),
            "matrix": matrix,
            "count": (k,),
            "first": (k, self.d),
            "second": square,
        }
        self.is_one = is_shared and form in (0, 1, 3)

    def split(self, state: Any) -> dict[str, Any]:
        found, at = {}, 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            found[name] = state[at : at + size].reshape(shape).copy()
            at += size
        return {**found, "loglik": float(state[at]), "objective": float(state[at + 1])}

    def joined(self, at: dict[str, Any]) -> Any:
        return np.concatenate([*(at[name].ravel() for name in self.shapes), (at["loglik"], at["objective"])])

    def cov(self, at: dict[str, Any]) -> Any:
        return compose(self.form, at["volume"], at["shape"], at["matrix"])

    def outer(self, left: Any, right: Any) -> Any:
        return left * right if self.is_diagonal else left[:, :, None] * right[:, None, :]

    def wide(self, count: Any) -> Any:
        return count.reshape(-1, *[1] * (1 if self.is_diagonal else 2))

    def plain(self, here: dict[str, Any]) -> tuple[dict[str, Any], float, int] | None:
        count, first = here["count"], here["first"]
        if not count.min() > _LEAST_COUNT * count.sum():
            return None
        scatter = here["second"] - self.outer(first, first) / self.wide(count)
        there = self.stepped(here, count, here["mean"] + first / count[:, None], scatter)
        return None if there is None or not np.isfinite(there["objective"]) else (there, math.nan, 1)

    def stepped(self, here: dict[str, Any], count: Any, mean: Any, scatter: Any) -> dict[str, Any] | None:
        """Return M-step and E-step from counts, means and scatter; None where there is no M-step."""
        there = self.maximised(here, count, mean, scatter)
        return None if there is None else self.expected(there)

    def maximised(self, here: dict[str, Any], count: Any, mean: Any, scatter: Any) -> dict[str, Any] | None:
        floor = self.floor if self.is_diagonal else np.diag(self.floor)
        divided = count
        if self.is_one:
            scatter = np.broadcast_to(scatter.sum(axis=0) / self.k, scatter.shape) + floor / self.k
            divided = np.full(self.k, count.sum() / self.k)
        else:
            scatter = scatter + floor
        axes = here["matrix"][0] if self.form == 6 else None
        parts = estimate_covariances(self.form, self.is_shared, divided, scatter, here["volume"], axes)
        if parts is None:
            return None
        return {
            "mix": count / count.sum(),
            "mean": mean,
            **dict(zip(("volume", "shape", "matrix"), parts, strict=True)),
        }

    def expected(self, at: dict[str, Any]) -> dict[str, Any] | None:
        cov = self.cov(at)
        if self.is_diagonal:
            whiten, run = 1 / np.sqrt(cov), gaussian.diagonal_moments
        else:
            whiten, _, status = gaussian.whiten_factors(cov)
            run = gaussian.full_moments
            if status.any():
                return None
        with np.errstate(divide="ignore"):
            loglik, count, first, second = run(self.X, self.weights, np.log(at["mix"]), at["mean"], whiten)
        own = whiten[:1] if self.is_one else whiten
        squares = own**2 if self.is_diagonal else (own**2).sum(axis=1)
        objective = float(loglik) - 0.5 * float((squares @ self.floor).sum())
        return {**at, "count": count, "first": first, "second": second, "loglik": float(loglik), "objective": objective}

    def fast(self, here: dict[str, Any], history: _History) -> tuple[dict[str, Any], float, int] | None:
        n_refused = 0
        if history.is_begun:
            g = history.vector(here)
            held = history.learn(g)
            if held == 0:
                history.z[:] = g
                return self.plain(here)
            found, n_refused = self.far(here, history, held)
            if found is not None:
                return found
            history.forget()
        history.begin(here)
        moved = self.plain(here)
        return None if moved is None else (*moved[:2], 1 + n_refused)

    def far(
        self, here: dict[str, Any], history: _History, held: int
    ) -> tuple[tuple[dict[str, Any], float, int] | None, int]:
        """Return the accelerated step and 0, or None and the E-steps spent on finding out."""
        direction, n_e_steps = history.direction(held), 0
        for length in _LENGTHS:
            z = history.z + length * direction
            count, mean, scatter = history.moments(z)
            there = None
            if count.min() > _LEAST_COUNT * count.sum():
                there = self.maximised(here, count, mean, scatter)
            if there is None:
                continue
            rise = self.rise(here, there)
            if not rise > 0:
                return None, n_e_steps
            there = self.expected(there)
            if there is None:
                continue
            n_e_steps += 1
            if not there["objective"] >= here["objective"] - _noise_of(here["objective"]):
                continue
            history.z[:] = z
            return (there, 0.5 * rise / length, n_e_steps), n_e_steps
        return None, n_e_steps

    def rise(self, here: dict[str, Any], there: dict[str, Any]) -> float:
        """Return how fast the log-likelihood rises on the straight way from here to there (Fisher's identity)."""
        before, after = self.cov(here), self.cov(there)
        n, move = here["count"], there["mean"] - here["mean"]
        total = float(((n - n.sum() * here["mix"]) * np.log(there["mix"] / here["mix"])).sum())
        if self.is_diagonal:
            total += float((here["first"] / before * move).sum())
            return total + 0.5 * float((((here["second"] / before - n[:, None]) / before) * (after - before)).sum())
        precision = np.linalg.inv(before)
        total += float(np.einsum("ki,kij,kj->", here["first"], precision, move))
        slope = precision @ (here["second"] - n[:, None, None] * before) @ precision
        return total + 0.5 * float((slope * (after - before)).sum())


class _History:
    """What acceleration remembers, as views of the flat memory."""

    def __init__(self, memory: Any, climber: _Climber) -> None:
        self.climber, k, d = climber, climber.k, climber.d
        rows, columns = (np.arange(d), np.arange(d)) if climber.is_diagonal else np.tril_indices(d)
        self.rows, self.columns = rows, columns
        p = k * (1 + d + len(rows))
        sizes = [3, k * d, p, p, p, p, LAGS * p, LAGS * p, LAGS]
        ends = np.cumsum(sizes).tolist()
        parts = [memory[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        self.head, self.origin, self.unit = parts[0], parts[1].reshape(k, d), parts[2]
        self.z, self.f, self.g = parts[3:6]
        self.df, self.dz, self.bend = parts[6].reshape(LAGS, p), parts[7].reshape(LAGS, p), parts[8]

    @property
    def is_begun(self) -> bool:
        return bool(self.head[2] > 0)

    def forget(self) -> None:
        self.head[:] = 0.0

    def begin(self, here: dict[str, Any]) -> None:
        climber = self.climber
        cov = climber.cov(here)
        sd = np.sqrt(cov if climber.is_diagonal else cov.diagonal(axis1=1, axis2=2))
        root = np.sqrt(np.maximum(here["count"], 1e-300))[:, None]
        twice = np.where(self.rows == self.columns, math.sqrt(2.0), 1.0)
        second = root * sd[:, self.rows] * sd[:, self.columns] * twice
        self.origin[:] = here["mean"]
        self.unit[:] = np.hstack([root, root * sd, second]).ravel()
        self.z[:] = self.vector(here)
        self.head[:] = 0.0, 0.0, 1.0

    def vector(self, here: dict[str, Any]) -> Any:
        n, first = here["count"][:, None], here["first"]
        move = here["mean"] - self.origin
        i, j = self.rows, self.columns
        own = here["second"] if self.climber.is_diagonal else here["second"][:, i, j]
        second = own + first[:, i] * move[:, j] + move[:, i] * first[:, j] + n * move[:, i] * move[:, j]
        return np.hstack([n, first + n * move, second]).ravel() / self.unit

    def moments(self, z: Any) -> tuple[Any, Any, Any]:
        k, d = self.origin.shape
        whole = (z * self.unit).reshape(k, -1)
        count = whole[:, 0]
        mean = whole[:, 1 : 1 + d] / count[:, None]
        own = whole[:, 1 + d :] - count[:, None] * mean[:, self.rows] * mean[:, self.columns]
        if self.climber.is_diagonal:
            return count, mean + self.origin, own
        scatter = np.empty((k, d, d))
        scatter[:, self.rows, self.columns] = own
        scatter[:, self.columns, self.rows] = own
        return count, mean + self.origin, scatter

    def learn(self, g: Any) -> int:
        held, at = int(self.head[0]), int(self.head[1])
        if self.head[2] > 1:
            self.df[at] = g - self.z - self.f
            self.dz[at] = g - self.g - self.df[at]
            bend = -float(self.df[at] @ self.dz[at])
            if bend > 1e-10 * math.sqrt(float(self.df[at] @ self.df[at]) * float(self.dz[at] @ self.dz[at])):
                self.bend[at] = bend
                held = min(held + 1, LAGS)
                self.head[:2] = held, (at + 1) % LAGS
        self.f[:], self.g[:] = g - self.z, g
        self.head[2] = 2.0
        return held

    def direction(self, held: int) -> Any:
        """Return the inverse curvature times f, by the changes held (Nocedal 1980)."""
        step, parts = self.f.copy(), []
        order = [(int(self.head[1]) - 1 - n) % LAGS for n in range(held)]
        for m in order:
            parts.append(float(self.dz[m] @ step) / self.bend[m])
            step += parts[-1] * self.df[m]
        for m, part in zip(reversed(order), reversed(parts), strict=True):
            step += (part + float(self.df[m] @ step) / self.bend[m]) * self.dz[m]
        return step
