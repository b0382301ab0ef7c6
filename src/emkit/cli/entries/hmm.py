"""Hidden Markov models."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, KEPT, SEARCH, Argument, ModelEntry, families_of, parted, words

__all__ = ["ENTRIES"]

_STATES = Argument(("--states",), "states", {"type": int, "metavar": "K", "help": "hidden states; 1 unless given"})
_EMISSION = Argument(
    ("--emission",),
    "emission",
    {
        "metavar": "NAME",
        "help": "what states emit: gaussian (unless given), poisson, student, ...; or COLUMN=NAME,... for each column",
    },
)
_SEQUENCE = Argument(("--sequence",), "sequence", {"metavar": "COL", "help": "column that names the sequence of a row"})
_TIME = Argument(("--time",), "time", {"metavar": "COL", "help": "column of times, by which rows are sorted"})
_TRANSITIONS = Argument(
    ("--transitions",),
    "transitions",
    {"choices": ("ergodic", "left-right", "cyclic", "banded"), "help": "which may happen; all unless given"},
)
_BEGIN = Argument(
    ("--begin",),
    "begin",
    {"choices": ("free", "stationary", "uniform"), "help": "probabilities of the first state; free unless given"},
)


_DURATIONS = Argument(
    ("--durations",),
    "durations",
    {
        "choices": ("nonparametric", "poisson", "negative-binomial", "gamma"),
        "help": "how long stays last; nonparametric unless given",
    },
)
_LONGEST = Argument(("--longest",), "longest", {"type": int, "metavar": "D", "help": "longest stay, in rows"})
_ORDER = Argument(("--order",), "order", {"type": int, "metavar": "P", "help": "lags; 1 unless given"})
_FORM = Argument(
    ("--form",),
    "form",
    {"choices": ("intercept", "mean"), "help": "what switches: the regression (unless given), or a mean (Hamilton)"},
)
_DRIVE = Argument(
    ("--drive",), "drive", {"metavar": "COL,...", "help": "columns that drive the transitions, by multinomial logits"}
)
_EXPLAIN = Argument(
    ("--explain",), "explain", {"metavar": "COL,...", "help": "columns that explain the others in each state"}
)
_OPEN = Argument(("--open",), "open", {"metavar": "COL,...", "help": "columns that drive the first state"})
_DRIVEN_BY = Argument(
    ("--driven-by",),
    "driven_by",
    {"choices": ("from", "to"), "help": "whether the row left (unless given) or the row entered drives a move"},
)
_LISTS = ("transition_covariates", "emission_covariates", "start_covariates")
_CHAIN = {
    "states": "n_components",
    "components": "n_components",
    "sequence": "sequence",
    "time": "time",
    "transitions": "transmat",
    "begin": "startprob",
    "solver": "solver",
    "progress": "on_iteration",
    **CLIMB,
    **SEARCH,
    **KEPT,
}


def _builder(name: str) -> Any:
    def build(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
        import emkit.hmm
        from emkit.data import Source

        for role in _LISTS:
            if role in arguments:
                arguments[role] = words(arguments[role])
        if "emission" in arguments:
            arguments["emission"] = families_of(arguments["emission"], "--emission")
        own, of_fit = parted(arguments)
        chain = getattr(emkit.hmm, name)(**own)
        if isinstance(table, Source):
            return chain.fit(table, **of_fit)
        keys = [arguments[key] for key in ("sequence", "time") if key in arguments]
        kept = [column for column in table.names if column in keys or column not in table.skipped]
        if set(kept) <= set(keys):
            table.select([column for column in table.names if column not in keys]).numeric()  # says so
        return chain.fit(table.select(kept), sample_weight=weights, **of_fit)

    return build


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "hmm",
        "each row comes from one of K states, which follow one another as a Markov chain",
        {**_CHAIN, "emission": "emission"},
        _builder("HiddenMarkovModel"),
        (_STATES, _EMISSION, _SEQUENCE, _TIME, _TRANSITIONS, _BEGIN),
        takes_text=True,
        streams=True,
    ),
    ModelEntry(
        "hsmm",
        "each row comes from one of K states, whose stays have durations of any distribution",
        {**_CHAIN, "emission": "emission", "durations": "durations", "longest": "max_duration"},
        _builder("HiddenSemiMarkovModel"),
        (_STATES, _EMISSION, _SEQUENCE, _TIME, _TRANSITIONS, _BEGIN, _DURATIONS, _LONGEST),
        takes_text=True,
        streams=True,
    ),
    ModelEntry(
        "ar-hmm",
        "a series explained by its past, with coefficients that switch as a Markov chain",
        {**_CHAIN, "order": "order", "form": "form"},
        _builder("AutoregressiveHMM"),
        (_STATES, _SEQUENCE, _TIME, _TRANSITIONS, _BEGIN, _ORDER, _FORM),
        takes_text=True,
        streams=True,
    ),
    ModelEntry(
        "covariate-hmm",
        "a hidden Markov model whose transitions, first states or emissions depend on covariates",
        {
            **{name: value for name, value in _CHAIN.items() if name != "transitions"},
            "emission": "emission",
            "drive": "transition_covariates",
            "explain": "emission_covariates",
            "open": "start_covariates",
            "driven_by": "driven_by",
        },
        _builder("CovariateHMM"),
        (_STATES, _EMISSION, _SEQUENCE, _TIME, _BEGIN, _DRIVE, _EXPLAIN, _OPEN, _DRIVEN_BY),
        takes_text=True,
    ),
)
