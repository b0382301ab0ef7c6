"""One pair of records: what each field says for and against a match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import INK, PALE, PALETTE, place, tidy, title
from emkit.plot.display import Display

__all__ = ["WaterfallDisplay"]

_FAR = 30.0  # bits beyond which a bar is cut: the probability has long been 0 or 1


@dataclass(eq=False)
class WaterfallDisplay(Display):
    """Match weights of one pair, bar upon bar, from the prior odds to the posterior odds.

    Parameters
    ----------
    names : sequence of str
        The prior first, then the fields.
    bits : array (m,)
        log2 of the prior odds, then log2(m / u) of each field.
    levels : sequence of str
        What was found for each field; shown beside its name.
    """

    names: Sequence[str]
    bits: FloatArray
    levels: Sequence[str]

    @classmethod
    def from_pair(
        cls,
        estimator: Any,
        pair: Any,
        *,
        term_frequencies: Mapping[str, float] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a pair under a fitted `FellegiSunter`.

        Parameters
        ----------
        estimator : FellegiSunter
        pair : mapping of str to int, or sequence (d,)
            The level of each field; -1, None or NaN, or a field left out of a mapping, was not compared.
        term_frequencies : mapping of str to float, optional
            How frequent the shared value of a field is.
        ax : Axes, optional

        Raises
        ------
        ParameterError
            If `pair` is not one pair, or there are more than two classes, whose weights do not add up.
        """
        model = estimator.model_
        if model.n_classes != 2:
            message = f"weights add up for two classes only, and this fit has {model.n_classes}"
            raise ParameterError(message)
        values = [pair.get(name, -1) for name in model.fields] if isinstance(pair, Mapping) else list(pair)
        if len(values) != len(model.fields):
            message = f"`pair` must hold a level for each of {list(model.fields)}, got {pair!r}"
            raise ParameterError(message)
        row = dict(zip(model.fields, ([value] for value in values), strict=True))
        given = {name: np.array([value]) for name, value in (term_frequencies or {}).items()}
        groups = [(" x ".join(model.fields[c] for c in at), [values[c] for c in at]) for at in model.groups]
        names = ["all pairs", *(name for name, _ in groups)]
        levels = ["", *(" x ".join(map(_word, at)) for _, at in groups)]
        return cls(names, estimator.match_weights(row, given)[0], levels).plot(ax)

    @property
    def total(self) -> float:
        """log2 of the posterior odds."""
        return float(self.bits.sum())

    @property
    def probability(self) -> float:
        """Probability that the pair is a match."""
        return float(1 / (1 + np.exp2(-self.total)))

    def plot(self, ax: Any = None) -> Self:
        n = len(self.names)
        self.figure_, self.ax_ = place(ax, (6.4, 1.2 + 0.38 * (n + 1)))
        shown = np.clip(self.bits, -_FAR, _FAR)
        ends = np.cumsum(shown)
        inks = [PALE, *(PALETTE[0] if bit > 0 else PALETTE[1] for bit in self.bits[1:])]
        self.ax_.barh(range(n), shown, left=ends - shown, color=inks, height=0.62, zorder=2)
        self.ax_.barh([n], [ends[-1]], color="#555555", height=0.62, zorder=2)
        for at, (bit, end) in enumerate(zip([*self.bits, self.total], [*ends, ends[-1]], strict=True)):
            self._write(at, float(bit), float(end))
        self.ax_.set_yticks(range(n + 1), [*(self._label(i) for i in range(n)), "together"])
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="#888888", linewidth=0.8, zorder=1)
        self.ax_.use_sticky_edges = False
        self.ax_.margins(x=0.12)
        self.ax_.set_xlabel("weight of evidence, bits")
        tidy(self.ax_)
        title(self.ax_, "What speaks for a match", f"probability {self.probability:.4g}")
        return self

    def _label(self, at: int) -> str:
        return f"{self.names[at]}: {self.levels[at]}" if self.levels[at] else self.names[at]

    def _write(self, at: int, bit: float, end: float) -> None:
        """Write the bits beside the end of a bar, away from it."""
        is_right = bit >= 0
        self.ax_.annotate(
            f"{bit:+.1f}",
            (end, at),
            (3 if is_right else -3, 0),
            textcoords="offset points",
            ha="left" if is_right else "right",
            va="center",
            fontsize="small",
            color=INK,
        )


def _word(level: Any) -> str:
    is_missing = level is None or level != level or level == -1  # noqa: PLR0124
    return "not compared" if is_missing else f"level {int(level)}"
