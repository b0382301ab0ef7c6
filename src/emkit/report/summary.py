"""The summary of a fit, for people."""

from __future__ import annotations

from typing import Any

from emkit.report.facts import Facts, facts_of
from emkit.report.layout import WIDTH, labelled, number, table_text

__all__ = ["summary"]

_LISTED = 5


def summary(fit: Any, X: Any = None, *, feature_names: Any = None, standard_errors: bool = False) -> str:
    """Return a fit in words and tables, at most 100 columns wide.

    Parameters
    ----------
    fit : Fit or fitted estimator
    X : array (n, d), optional
        The data: adds what only they can tell (ICL).
    feature_names : sequence of str, optional
        Those the estimator saw, where None.
    standard_errors : bool, default False
        Add the table of all estimates with standard errors and 95% intervals (see `Fit.confint`), from `X` where the
        fit does not hold its data.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("galaxies").numeric()
    >>> fit = emkit.GaussianMixture(3, random_state=0).fit(X)
    >>> print(emkit.report.summary(fit, feature_names=names).splitlines()[0])
    GaussianMixture(n_components=3, random_state=0)
    """
    facts = facts_of(fit, X, feature_names)
    parts = [facts.title, *(table_text(table, WIDTH) for table in facts.tables)]
    parts.append(_result(facts) if facts.fit is not None else "These parameters were given, not fitted.")
    if standard_errors and facts.fit is not None:
        parts.append(str(facts.fit.confint() if facts.fit.source is not None else facts.fit.confint(data=X)))
    return "\n\n".join(parts)


def _result(facts: Facts) -> str:
    fit = facts.fit
    pairs = [("Log-likelihood", _fixed(fit.loglik))]
    if _fixed(fit.objective) != _fixed(fit.loglik):
        pairs.append(("with log prior", _fixed(fit.objective)))
    pairs += [
        ("BIC", f"{_fixed(fit.bic)}   AIC {_fixed(fit.aic)}{_icl(facts.icl)}   (smaller is better)"),
        ("Free parameters", f"{fit.n_free}, from {number(fit.weight, 10)} rows"),
        ("Status", f"{fit.status.value}. {fit.status.help}"),
        ("Starts", _starts(fit)),
        ("Optima (starts)", _optima(fit)),
        ("Work", f"{fit.n_iter} iterations, {fit.n_e_steps} E-steps in all, {number(fit.seconds, 2)} s"),
    ]
    pairs += [("Note", note) for note in fit.notes]
    return labelled(pairs)


def _fixed(value: float) -> str:
    """Return a log-likelihood or criterion: differences of a hundredth matter, whatever its size."""
    return f"{value:.4f}"


def _icl(value: float | None) -> str:
    return "" if value is None else f"   ICL {_fixed(value)}"


def _starts(fit: Any) -> str:
    sentence: str = fit.starts.sentence
    return "one" if fit.starts.n_starts == 1 else sentence


def _optima(fit: Any) -> str:
    """Return the distinct optima, best first, where there is more than one."""
    optima = fit.starts.optima
    if len(optima) < 2:
        return ""
    parts = [_fixed(o.objective) + f" ({o.n_hits}{', collapsed' if o.collapse else ''})" for o in optima[:_LISTED]]
    more = [f"and {len(optima) - _LISTED} more"] if len(optima) > _LISTED else []
    return ", ".join([*parts, *more])
