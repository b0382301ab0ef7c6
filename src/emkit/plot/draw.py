"""One call that finds the right picture."""

from __future__ import annotations

from typing import Any

from emkit.hmm._base import HiddenMarkovEstimator
from emkit.plot.canvas import check_path, save_figure
from emkit.plot.density import DensityDisplay
from emkit.plot.display import Display
from emkit.plot.mixture import MixtureDisplay
from emkit.plot.pairs import PairsDisplay
from emkit.plot.read import groups_of, is_density
from emkit.plot.states import StateDisplay
from emkit.plot.trace import TraceDisplay

__all__ = ["display_of", "draw"]


def draw(subject: Any, X: Any = None, path: Any = None) -> Any:
    """Draw a fitted model and return the Matplotlib figure.

    A Gaussian mixture or k-means is drawn with its data: the density of one feature, the ellipses of two, all
    pairs of more; a hidden Markov model with the states of its rows. A `Density` is drawn over its histogram; of any
    other fit the climb is drawn.

    Parameters
    ----------
    subject : fitted estimator, Density or Fit
    X : array (n, d), optional
        Rows to draw; without them the model is drawn alone.
    path : path, optional
        Where to save the picture: .png, .pdf or .svg.

    Raises
    ------
    ParameterError
        If `path` has another suffix or no folder, or `subject` is nothing that can be drawn.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("faithful").numeric()
    >>> mixture = emkit.GaussianMixture(2, random_state=0).fit(X)
    >>> figure = emkit.plot.draw(mixture, X)
    """
    if path is not None:
        check_path(path)
    figure = display_of(subject, X).figure_
    if path is not None:
        save_figure(figure, path)
    return figure


def display_of(subject: Any, X: Any = None) -> Display:
    """Return the display that suits the model and its number of features, drawn."""
    if is_density(subject):
        return DensityDisplay.from_density(subject)
    if X is not None and isinstance(subject, HiddenMarkovEstimator):
        return StateDisplay.from_estimator(subject, X)
    groups = groups_of(subject)
    if groups is None:
        return TraceDisplay.from_fit(subject)
    if groups.n_features == 1 and groups.cov is not None:
        return DensityDisplay.from_estimator(subject, X)
    if groups.n_features == 2:
        return MixtureDisplay.from_estimator(subject, X)
    return PairsDisplay.from_estimator(subject, X)
