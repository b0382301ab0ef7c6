"""Displays: what is on the picture, for which model, and what is refused."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import emkit
from emkit.errors import NotFittedError, ParameterError
from emkit.plot import (
    CriterionDisplay,
    DensityDisplay,
    MixtureDisplay,
    PairsDisplay,
    ResponsibilityDisplay,
    TraceDisplay,
    display_of,
    draw,
)
from emkit.plot.canvas import PALETTE, MissingLibraryError


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def written(ax):
    return " | ".join(text.get_text() for text in ax.texts)


@pytest.fixture(scope="module")
def table():
    return emkit.load_data("faithful")


@pytest.fixture(scope="module")
def two(table):
    return emkit.GaussianMixture(2, random_state=0).fit(table)


@pytest.fixture(scope="module")
def one(table):
    return emkit.GaussianMixture(2, random_state=0).fit(table.select(["waiting"]))


@pytest.fixture(scope="module")
def four(iris):
    return emkit.GaussianMixture(3, random_state=0, n_init=4).fit(iris)


@pytest.fixture(scope="module")
def galaxies():
    return emkit.density(emkit.load_data("galaxies"), max_components=4)


# --- one feature ---


def test_density_shows_histogram_components_and_their_sum(one, table):
    display = DensityDisplay.from_estimator(one, table.select(["waiting"]))
    assert display.ax_.get_xlabel() == "waiting"
    assert texts(display.ax_) == ["data", "component 1  (64 %)", "component 2  (36 %)", "density"]
    curve = next(line for line in display.ax_.lines if line.get_label() == "density")
    x, y = curve.get_data()
    np.testing.assert_allclose(np.log(y), one.score_samples(x[:, None]), atol=1e-9)
    assert np.trapezoid(y, x) == pytest.approx(1, abs=5e-3)
    assert "BIC" in written(display.ax_)


def test_density_without_data_and_with_a_flat_list(one, table):
    assert DensityDisplay.from_estimator(one).histogram is None
    flat = table["waiting"].tolist()
    assert DensityDisplay.from_estimator(one, flat, bins=12).histogram.density.shape == (12,)


def test_density_from_arrays():
    display = DensityDisplay.from_arrays([1.0, 2.0, 2.5, 4.0], 1.0, 2.4, 1.1, name="length")
    assert display.ax_.get_xlabel() == "length"
    assert texts(display.ax_) == ["data", "density"]


def test_the_density_of_one_variable_plots_itself(galaxies):
    display = galaxies.plot(bins=20)
    assert isinstance(display, DensityDisplay)
    assert len(display.histogram.density) == 20
    assert display.name == "velocity"


def test_density_refuses_more_features(two):
    with pytest.raises(ParameterError, match="one feature; take `PairsDisplay`"):
        DensityDisplay.from_estimator(two)


# --- two features ---


def test_mixture_shows_points_ellipses_and_means(two, table):
    display = MixtureDisplay.from_estimator(two, table)
    ax = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("eruptions", "waiting")
    assert texts(ax) == ["component 1  (64 %)", "component 2  (36 %)"]
    drawn = ax.collections[0]
    assert len(drawn.get_offsets()) == 272
    # color by most probable component, opacity by certainty
    colors = drawn.get_facecolors()
    proba = two.predict_proba(table)
    first = colors[proba.argmax(axis=1) == 0][0]
    np.testing.assert_allclose(first[:3], [int(PALETTE[0][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert colors[proba.max(axis=1).argmin(), 3] < colors[proba.max(axis=1).argmax(), 3]
    rings = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert len(rings) == 4


def test_rows_with_a_missing_entry_become_ticks(two, faithful):
    X = faithful.copy()
    X[:3, 0] = np.nan
    X[5, 1] = np.nan
    X[7] = np.nan
    display = MixtureDisplay.from_estimator(two, X)
    sizes = [len(drawn.get_offsets()) for drawn in display.ax_.collections]
    assert sizes == [272 - 5, 1, 3]
    assert "4 rows with one missing entry" in written(display.ax_)


def test_many_rows_are_thinned_the_same_way_each_time_and_said_so(two, faithful):
    X = np.tile(faithful, (30, 1)) + np.random.default_rng(0).normal(0, 0.01, (8160, 2))
    first, second = (MixtureDisplay.from_estimator(two, X) for _ in range(2))
    assert len(first.points.X) == 5000
    np.testing.assert_array_equal(first.points.X, second.points.X)
    assert "5,000 of 8,160 rows drawn" in written(first.ax_)


def test_more_components_than_colors_differ_in_line_and_mark():
    k = 10
    angle = np.linspace(0, 6, k)
    means = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    mixture = emkit.GaussianMixture.from_parameters(np.full(k, 1 / k), means, np.tile(np.eye(2), (k, 1, 1)))
    ax = MixtureDisplay.from_estimator(mixture).ax_
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines if len(line.get_xdata()) > 2}
    assert len(looks) == k
    assert len(texts(ax)) == k


def test_clusters_are_drawn_with_their_regions(faithful):
    clusters = emkit.KMeans(3, random_state=0).fit(faithful)
    display = display_of(clusters, faithful)
    assert isinstance(display, MixtureDisplay)
    assert all(text.startswith("cluster") for text in texts(display.ax_))
    image = display.ax_.images[0]
    assert set(np.unique(image.get_array())) == {0, 1, 2}
    np.testing.assert_array_equal(display.points.resp.argmax(axis=1), clusters.predict(faithful))


def test_mixture_refuses_other_numbers_of_features(one):
    with pytest.raises(ParameterError, match="draws two features"):
        MixtureDisplay.from_estimator(one)


# --- more features ---


def test_pairs_fill_the_lower_triangle(four, iris):
    display = PairsDisplay.from_estimator(four, iris)
    assert display.axes_.shape == (4, 4)
    for row, column in np.ndindex(4, 4):
        ax = display.axes_[row, column]
        assert bool(ax.lines) == (column <= row)
    below = display.axes_[2, 1]
    assert len(below.collections[0].get_offsets()) == 150
    # an ellipse is that of the marginal
    inner = below.lines[0].get_xydata() - four.means_[0, [1, 2]]
    cov = four.covariances_[0][np.ix_([1, 2], [1, 2])]
    np.testing.assert_allclose((inner @ np.linalg.inv(cov) * inner).sum(axis=1), 1, rtol=1e-9)
    assert display.axes_[3, 2].get_xlim() == display.axes_[2, 2].get_xlim()


def test_pairs_draw_at_most_eight_features_and_say_so():
    X = np.random.default_rng(0).normal(size=(60, 10))
    mixture = emkit.GaussianMixture(1).fit(X)
    display = PairsDisplay.from_estimator(mixture, X)
    assert display.axes_.shape == (8, 8)
    assert "8 of 10 features drawn" in display.axes_[0, 7].get_legend().get_title().get_text()
    chosen = PairsDisplay.from_estimator(mixture, X, columns=["x10", 2])
    assert chosen.groups.names == ("x10", "x3")
    np.testing.assert_array_equal(chosen.points.X, X[:, [9, 2]])
    with pytest.raises(ParameterError, match="at most 8 features fit into one picture, got 9"):
        PairsDisplay.from_estimator(mixture, X, columns=range(9))


def test_pairs_of_clusters_stack_their_histograms(iris):
    clusters = emkit.KMeans(3, random_state=0).fit(iris)
    display = PairsDisplay.from_estimator(clusters, iris)
    stack = display.axes_[0, 0].patches
    tops = stack[-1].get_data().values
    np.testing.assert_allclose(tops, display.histograms[0].density)


def test_pairs_divide_the_place_they_are_given(four):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = PairsDisplay.from_estimator(four, ax=right)
    assert display.figure_ is figure
    assert len(figure.axes) == 2 + 16
    assert left.axison
    assert not right.axison


# --- the climb, the certainty, the number of components ---


def test_trace_shows_the_objective_and_refused_steps(two):
    trace = two.fit_.trace
    refused = trace.is_accepted.copy()
    refused[2] = False
    fit = replace(two.fit_, trace=replace(trace, is_accepted=refused))
    display = TraceDisplay.from_fit(fit, by="iteration")
    np.testing.assert_array_equal(display.ax_.lines[0].get_ydata(), trace.objective)
    np.testing.assert_array_equal(display.ax_.lines[0].get_xdata(), trace.iteration)
    assert display.ax_.lines[2].get_xdata().tolist() == [trace.iteration[2]]
    assert texts(display.ax_) == ["extrapolation refused, plain EM step"]
    assert fit.starts.sentence in written(display.ax_)


def test_trace_of_gaps_is_logarithmic(two):
    display = TraceDisplay.from_estimator(two, scale="gap")
    assert display.ax_.get_yscale() == "log"
    gaps = display.ax_.lines[0].get_ydata()
    assert (gaps > 0).all()
    assert gaps[0] == pytest.approx(two.fit_.trace.objective[-1] - two.fit_.trace.objective[0])
    np.testing.assert_array_equal(display.ax_.lines[0].get_xdata()[:3], two.fit_.trace.n_e_steps[:3])


def test_trace_refuses_what_it_does_not_know(two):
    with pytest.raises(ParameterError, match="`by` must be one of 'e_step', 'iteration'; got 'time'"):
        TraceDisplay.from_fit(two, by="time")
    with pytest.raises(ParameterError, match="`scale` must be one of"):
        TraceDisplay.from_fit(two, scale="log")
    known = emkit.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ParameterError, match="without a fit"):
        TraceDisplay.from_fit(known)


def test_responsibilities_are_sorted_by_component_and_certainty():
    resp = np.array([[0.6, 0.4], [0.1, 0.9], [1.0, 0.0], [0.3, 0.7]])
    display = ResponsibilityDisplay.from_arrays(resp)
    own = [patch.get_data().values for patch in display.ax_.patches[:2]]
    np.testing.assert_allclose(own[0], [1.0, 0.6, 0, 0])
    np.testing.assert_allclose(own[1], [0, 0, 0.9, 0.7])
    tops = display.ax_.patches[3].get_data().values
    np.testing.assert_allclose(tops, 1)
    assert "50 % of the rows are below 90 % certain" in written(display.ax_)
    assert texts(display.ax_) == ["component 1  (2 rows)", "component 2  (2 rows)"]


def test_responsibilities_of_an_estimator(two, faithful):
    display = ResponsibilityDisplay.from_estimator(two, faithful)
    np.testing.assert_allclose(display.resp, two.predict_proba(faithful), atol=1e-12)


@pytest.mark.parametrize("bad", [[0.5, 0.5], [[0.5, 0.4]], [[1.5, -0.5]]])
def test_responsibilities_must_be_probabilities(bad):
    with pytest.raises(ParameterError, match="`resp` must"):
        ResponsibilityDisplay.from_arrays(bad)


def test_criterion_rings_the_smallest_proper_value(faithful):
    fits = [
        emkit.GaussianMixture(k, covariance_type=kind, n_init=2, random_state=0).fit(faithful)
        for kind in ("full", "tied")
        for k in (1, 2, 3)
    ]
    display = CriterionDisplay.from_fits(fits)
    best = min(fits, key=lambda fit: fit.fit_.bic)
    ring = next(line for line in display.ax_.lines if str(line.get_label()).startswith("smallest"))
    assert ring.get_xydata().tolist() == [[best.n_components, best.fit_.bic]]
    assert texts(display.ax_)[:2] == ["full", "tied"]
    fits[fits.index(best)].fit_ = replace(best.fit_, status=emkit.Status.DEGENERATE)
    again = CriterionDisplay.from_fits(fits)
    ring = next(line for line in again.ax_.lines if str(line.get_label()).startswith("smallest"))
    assert ring.get_ydata()[0] > best.fit_.bic
    assert "1 collapsed or unfinished" in written(again.ax_)


def test_criterion_of_a_density(galaxies):
    display = CriterionDisplay.from_density(galaxies)
    assert "smallest: 3 components" in texts(display.ax_)


def test_criterion_refuses():
    with pytest.raises(ParameterError, match="at least one fit"):
        CriterionDisplay.from_fits([])
    with pytest.raises(ParameterError, match="`criterion` must be 'bic' or 'aic'"):
        CriterionDisplay.from_fits([], criterion="icl")


# --- the right picture, and where it goes ---


def test_the_picture_suits_the_model(one, two, four, iris, galaxies):
    assert isinstance(display_of(one), DensityDisplay)
    assert isinstance(display_of(two), MixtureDisplay)
    assert isinstance(display_of(two.fit_), MixtureDisplay)
    assert isinstance(display_of(four, iris), PairsDisplay)
    assert isinstance(display_of(galaxies), DensityDisplay)
    other = replace(two.fit_, model=object())
    assert isinstance(display_of(other), TraceDisplay)


def test_a_fit_is_drawn_with_data_of_its_width(two, faithful):
    assert len(MixtureDisplay.from_estimator(two.fit_, faithful).points.X) == 272
    with pytest.raises(ParameterError, match="`X` has 1 features but the model was fitted to 2"):
        MixtureDisplay.from_estimator(two.fit_, faithful[:, :1])


@pytest.mark.parametrize(
    ("suffix", "head"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")]
)
def test_pictures_are_saved_by_suffix(two, faithful, tmp_path, suffix, head):
    path = tmp_path / f"picture{suffix}"
    figure = draw(two, faithful, path)
    assert isinstance(figure, Figure)
    assert path.read_bytes().startswith(head)


def test_pictures_are_refused_before_they_are_drawn(two, tmp_path):
    with pytest.raises(ParameterError, match=r"saved as .png, .pdf, .svg, by its suffix; got 'a.gif'"):
        draw(two, path=tmp_path / "a.gif")
    with pytest.raises(ParameterError, match="does not exist; make it first"):
        draw(two, path=tmp_path / "none" / "a.png")


def test_displays_save_and_show_themselves(two, tmp_path):
    display = MixtureDisplay(MixtureDisplay.from_estimator(two).groups)
    assert display.save(tmp_path / "a.png").exists()
    assert display._repr_png_().startswith(b"\x89PNG")


def test_axes_of_the_user_are_used(two, faithful):
    figure = Figure()
    axes = figure.subplots(1, 2)
    display = MixtureDisplay.from_estimator(two, faithful, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].lines
    with pytest.raises(ParameterError, match="`ax` must be Matplotlib axes, got str"):
        MixtureDisplay.from_estimator(two, ax="here")


def test_unfitted_and_unknown_things_are_refused():
    with pytest.raises(NotFittedError):
        draw(emkit.GaussianMixture(2))
    with pytest.raises(ParameterError, match="expected a fit or a fitted estimator, got str"):
        draw("faithful")


def test_matplotlib_comes_late_and_pyplot_never():
    code = (
        "import sys, emkit.plot\n"
        "assert not any(name.startswith('matplotlib') for name in sys.modules)\n"
        "m = emkit.GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.0], [0.0, 1.0]]])\n"
        "emkit.plot.draw(m).canvas.draw()\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_matplotlib_is_told(two, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingLibraryError, match=r"pip install emkit\[plot\]"):
        draw(two)


def test_axes_of_a_subfigure_save_the_whole(two, tmp_path):
    figure = Figure()
    part = figure.subfigures(1, 2)[0]
    display = MixtureDisplay.from_estimator(two, ax=part.subplots())
    assert display.figure_ is figure
    assert display.save(tmp_path / "a.png").exists()


def test_pairs_refuse_axes_that_cannot_be_divided(four):
    with pytest.raises(ParameterError, match="must be part of a grid"):
        PairsDisplay.from_estimator(four, ax=Figure().add_axes([0, 0, 1, 1]))


def test_constant_columns_and_single_rows_are_drawn(tmp_path):
    X = np.column_stack([np.arange(6.0), np.ones(6)])
    assert draw(emkit.GaussianMixture(1).fit(X), X, tmp_path / "a.png").axes
    lone = emkit.GaussianMixture.from_parameters([1.0], [[1.0, 2.0]], [[[1.0, 0.0], [0.0, 1.0]]])
    assert draw(lone, [[1.0, 2.0]], tmp_path / "b.png").axes


def test_samples_of_a_density_differ_unless_seeded(galaxies):
    assert (galaxies.sample(5) != galaxies.sample(5)).any()
    np.testing.assert_array_equal(galaxies.sample(5, 1), galaxies.sample(5, 1))
