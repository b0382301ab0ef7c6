"""Selection over a grid: published choices, help among neighbors, resuming, tables, bad input."""

import numpy as np
import pytest

import emkit
from emkit.cli import main
from emkit.core import Status
from emkit.errors import ParameterError, SavedFitError
from emkit.mixture import neighbors
from emkit.mixture.selection import Cell, ModelSelection

FAITHFUL = emkit.load_data("faithful").numeric()[0]
IRIS = emkit.load_data("iris").numeric()[0]
GALAXIES = emkit.load_data("galaxies").numeric()[0]
FEW = ["EII", "EEE", "VVV"]


@pytest.fixture(scope="module")
def faithful():
    return emkit.select(FAITHFUL, range(1, 5), structures=FEW, n_init=4)


def test_iris_is_two_components_of_equal_shape():
    """mclust on iris: VEV with two components, BIC -561.7285; VEV with three next, -562.5507 (Scrucca et al. 2016)."""
    selection = emkit.select(IRIS, (1, 2, 3), structures=["EEE", "VEV", "VVV"])
    assert selection.best_cell.name == "VEV 2"
    assert selection.best_cell.bic == pytest.approx(561.7285, abs=2e-3)
    assert selection.ranked[1].name == "VEV 3"
    assert selection.ranked[1].bic == pytest.approx(562.5507, abs=2e-3)


def test_faithful_is_three_components_of_one_covariance(faithful):
    """mclust on faithful: EEE with three components, BIC -2314.3 (Fraley & Raftery 2003)."""
    assert faithful.best_cell.name == "EEE 3"
    assert faithful.best_cell.bic == pytest.approx(2314.296, abs=2e-3)
    assert faithful.best.covariance_type == "EEE"
    assert faithful.best.fit_.status is Status.CONVERGED
    assert faithful.fit_ is faithful.best.fit_


def test_one_feature_has_two_structures():
    selection = emkit.select(GALAXIES, range(1, 5))
    assert selection.structures == ("E", "V")
    assert selection.best_cell.name == "V 3"
    assert selection.at(3, "V").loglik == pytest.approx(-203.17923, abs=1e-3)


def test_a_structure_that_allows_more_is_never_less_likely():
    selection = emkit.select(FAITHFUL, (2, 3, 4), structures=["EEI", "VEI", "VVI", "EEE", "VVE", "VVV"], n_init=2)
    loglik = {(c.n_components, c.structure): c.loglik for c in selection.cells if c.is_proper}
    nested = [("EEI", "VEI"), ("VEI", "VVI"), ("EEI", "EEE"), ("VVE", "VVV")]
    for k in (2, 3, 4):
        for less, more in nested:
            if (k, less) in loglik and (k, more) in loglik:
                assert loglik[k, more] >= loglik[k, less] - 1e-4
    for (k, word), value in loglik.items():
        assert value >= loglik.get((k - 1, word), -np.inf) - 1e-4


def test_recast_keeps_the_likelihood_where_more_is_allowed():
    equal = emkit.GaussianMixture(3, covariance_type="EEE", random_state=0).fit(FAITHFUL)
    free = emkit.GaussianMixture(3, covariance_type="VVV", max_iter=0, n_init=1)
    model = free._model()
    start = neighbors.recast(equal.parameters_, equal.model_.family.structure, model)
    begun = emkit.GaussianMixture.from_parameters(start.mix, start.members.mean, start.members.cov)
    assert begun.score(FAITHFUL) == pytest.approx(equal.score(FAITHFUL), abs=1e-9)


def test_same_seed_and_any_number_of_threads_give_the_same_bits():
    found = [emkit.select(FAITHFUL, (1, 2), structures=FEW, n_threads=n).table("loglik") for n in (1, 3)]
    np.testing.assert_array_equal(*found)


def test_table_and_words(faithful):
    assert faithful.table().shape == (4, 3)
    assert faithful.table("loglik")[0, 1] == pytest.approx(-1289.7967, abs=1e-3)
    text = str(faithful)
    assert text.startswith("BIC of GaussianMixture (smaller is better; mclust prints minus this)")
    assert "Best: EEE with 3 components, BIC 2314.30" in text
    columns = faithful.to_dict()
    assert len(columns["bic"]) == 12
    assert columns["structure"][:3] == FEW
    assert {len(column) for column in columns.values()} == {12}
    assert faithful.at(2).structure == "VVV"


def test_icl_asks_for_separate_components():
    """ICL takes the entropy of the labels off: it never prefers more components than BIC here."""
    selection = emkit.select(FAITHFUL, range(1, 5), structures=["EEE"], criterion="icl")
    cell = selection.at(3)
    assert cell.icl == pytest.approx(cell.estimator.icl(FAITHFUL), rel=1e-9)
    assert selection.best_cell.n_components == 2


def test_other_estimators_and_their_arguments_are_used():
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.where(rng.random((300, 1)) < 0.4, [2.0, 9.0], [8.0, 1.0]))
    selection = emkit.select(counts, (1, 2, 3), estimator=emkit.PoissonMixture)
    assert selection.structures == ("",)
    assert selection.best_cell.n_components == 2
    assert type(selection.best) is emkit.PoissonMixture
    student = emkit.StudentMixture(dof=5.0)
    chosen = emkit.select(FAITHFUL[:100], (1, 2), estimator=student, n_init=2)
    assert chosen.best.dof == 5.0
    assert chosen.structures == ("full",)


def test_classes_of_answers_are_chosen():
    """poLCA on carcinoma: three classes, BIC 697.1357."""
    rows = emkit.load_data("carcinoma").numeric()[0]
    selection = emkit.select(rows, (2, 3, 4), estimator=emkit.LatentClassAnalysis, n_init=4)
    assert selection.best_cell.bic == pytest.approx(697.1357, abs=2e-3)
    assert selection.best.n_classes == 3


def test_what_cannot_be_fitted_is_left_blank():
    rows = FAITHFUL[:6]
    selection = emkit.select(rows, (1, 2, 7), structures=["EII"], n_init=2)
    assert "`X` has 6 rows" in selection.at(7).problem
    assert np.isnan(selection.table()[-1, 0])
    assert "Left blank:" in str(selection)
    with pytest.raises(ParameterError, match="no fit is proper"):
        _ = ModelSelection((Cell(7, "EII", None, problem="collapsed"),)).best_cell


def test_selection_goes_on_from_an_earlier_one_and_from_a_file(tmp_path, faithful):
    wider = emkit.select(FAITHFUL, range(1, 4), structures=["EII", "EEE", "VVI"], resume=faithful)
    assert wider.at(3, "EEE") is faithful.at(3, "EEE")
    path = tmp_path / "grid.emkit"
    first = emkit.select(FAITHFUL, (1, 2), structures=FEW, resume=path)
    again = emkit.select(FAITHFUL, (1, 2), structures=FEW, resume=path)
    np.testing.assert_allclose(again.table(), first.table(), atol=1e-5)
    with pytest.raises(SavedFitError, match=r"belongs to GaussianMixture on 272 rows.*give another path"):
        emkit.select(IRIS, (1, 2), structures=FEW, resume=path)
    path.write_text("nothing")
    with pytest.raises(SavedFitError):
        emkit.select(FAITHFUL, (1, 2), structures=FEW, resume=path)


def test_selection_is_saved_and_drawn(tmp_path, faithful):
    emkit.save(faithful.best, tmp_path / "best.emkit")
    assert emkit.load(tmp_path / "best.emkit").fit_.loglik == faithful.best.fit_.loglik
    display = faithful.plot()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()][:3] == FEW


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"components": []}, "`components` must be integers of at least 1"),
        ({"components": [0, 1]}, "`components` must be integers of at least 1"),
        ({"structures": ["XYZ"]}, "`covariance_type` must be one of"),
        ({"criterion": "dic"}, "`criterion` must be one of 'bic', 'icl', 'aic', got 'dic'"),
        ({"estimator": emkit.KMeans}, "`estimator` must be a mixture of emkit, got"),
        ({"estimator": 3}, "`estimator` must be a mixture of emkit, got"),
        ({"estimator": emkit.PoissonMixture, "structures": ["VVV"]}, "PoissonMixture has none"),
        ({"resume": 3}, "`resume` must be a ModelSelection or a path, got 3"),
    ],
)
def test_bad_argument_is_told(arguments, words):
    with pytest.raises(ParameterError) as caught:
        emkit.select(np.round(FAITHFUL), **{"components": (1,), **arguments})
    assert words in str(caught.value)


def test_command_prints_the_table_and_saves_the_best(tmp_path, capsys):
    out = tmp_path / "best.emkit"
    line = ["select", "faithful", "--components", "1-3", "--structures", "EEE,EII", "-o", str(out)]
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "Best: EEE with 3 components" in printed
    assert emkit.load(out).n_components == 3
    assert main(["select", "galaxies", "--components", "2,3", "--json"]) == 0
    assert '"structure": "V"' in capsys.readouterr().out


def test_command_tells_a_bad_range(capsys):
    with pytest.raises(SystemExit):
        main(["select", "faithful", "--components", "9-1"])
    assert "expected a range such as 1-9" in capsys.readouterr().err
