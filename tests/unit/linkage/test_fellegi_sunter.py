"""The estimator of record linkage: tables of any form, what is known, dependence, and patterns out of the ordinary."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.linkage import FellegiSunter, share_without_blocking

RNG = np.random.default_rng(5)
IS_MATCH = RNG.random(4000) < 0.1
M, U = (0.1, 0.2, 0.7), (0.85, 0.1, 0.05)


def _levels(n_fields=4):
    draws = np.where(IS_MATCH[:, None], RNG.choice(3, (4000, n_fields), p=M), RNG.choice(3, (4000, n_fields), p=U))
    draws[RNG.random(draws.shape) < 0.05] = -1
    return pd.DataFrame(draws, columns=[f"gamma_{name}" for name in ("first", "last", "born", "town")[:n_fields]])


PAIRS = _levels()
PATTERNS = PAIRS.groupby(list(PAIRS.columns)).size().rename("counts").reset_index()


def _fit(table, sample_weight=None, **arguments):
    return FellegiSunter(random_state=0, **arguments).fit(table, sample_weight=sample_weight)


def test_truth_is_found_and_levels_add_up():
    model = _fit(PAIRS)
    assert model.fields_ == ("first", "last", "born", "town")
    assert model.match_share_ == pytest.approx(IS_MATCH.mean(), abs=0.02)
    for field in model.fields_:
        np.testing.assert_allclose(model.m_[field], M, atol=0.07)
        np.testing.assert_allclose(model.u_[field], U, atol=0.02)
        np.testing.assert_allclose(model.weights_[field], np.log2(model.m_[field] / model.u_[field]))


def test_pairs_patterns_arrays_and_nan_agree():
    wanted = _fit(PAIRS).fit_.loglik
    array = PAIRS.to_numpy(dtype=float).copy()
    array[array < 0] = np.nan
    split = pd.concat([PATTERNS, PATTERNS]).assign(counts=lambda table: table["counts"] / 2)  # equal patterns twice
    for table in (PATTERNS, array, split, PATTERNS.rename(columns={"counts": "n"})):
        assert _fit(table).fit_.loglik == pytest.approx(wanted, abs=1e-6)
    given = _fit(PATTERNS.drop(columns="counts"), sample_weight=PATTERNS["counts"])
    assert given.fit_.loglik == pytest.approx(wanted, abs=1e-6)
    named = _fit(PATTERNS, fields=["first", "last", "born", "town"], counts="counts")
    assert named.fit_.loglik == pytest.approx(wanted, abs=1e-6)


def test_weights_are_the_log_odds_of_the_probability():
    model = _fit(PATTERNS)
    bits = model.match_weights(PATTERNS)
    np.testing.assert_allclose(model.match_probability(PATTERNS), 1 / (1 + np.exp2(-bits.sum(axis=1))), atol=1e-12)
    assert (bits[:, 1][PATTERNS["gamma_first"] == -1] == 0).all()
    np.testing.assert_allclose(model.predict_proba(PATTERNS).sum(axis=1), 1)
    assert (model.predict(PATTERNS, threshold=0.9) == (model.match_probability(PATTERNS) >= 0.9)).all()


def test_rare_values_weigh_more():
    model = _fit(PATTERNS)
    pair = {"first": [2, 2, 1], "last": [2] * 3, "born": [0] * 3, "town": [0] * 3}
    plain = model.match_weights(pair)
    frequency = {"first": np.array([0.001, np.nan, 0.001])}
    adjusted = model.match_weights(pair, term_frequencies=frequency)
    assert adjusted[0, 1] - plain[0, 1] == pytest.approx(np.log2(model.u_["first"][2] / 0.001))
    np.testing.assert_allclose(adjusted[1:], plain[1:])  # unknown, or no full agreement
    prob = model.match_probability(pair, term_frequencies=frequency)
    np.testing.assert_allclose(prob, 1 / (1 + np.exp2(-adjusted.sum(axis=1))))
    with pytest.raises(DataError, match="names 'street'"):
        model.match_weights(pair, term_frequencies={"street": [0.1] * 3})
    with pytest.raises(DataError, match="3 numbers above 0"):
        model.match_weights(pair, term_frequencies={"first": [0.0] * 3})


def test_dependent_fields_have_a_joint_table():
    twins = PAIRS.assign(gamma_last=PAIRS["gamma_first"])  # two fields that always agree alike
    apart, together = _fit(twins), _fit(twins, dependence=[("first", "last")])
    assert together.fit_.loglik > apart.fit_.loglik + 100
    assert together.match_share_ == pytest.approx(_fit(PAIRS.drop(columns="gamma_last")).match_share_, abs=1e-3)
    cells = together.parameters_.groups[0].match.reshape(3, 3)
    assert np.trace(cells) == pytest.approx(1.0, abs=1e-6)


def test_third_class_is_at_least_as_likely():
    model = _fit(PATTERNS, n_classes=3, n_init=4)
    assert model.fit_.loglik >= _fit(PATTERNS).fit_.loglik - 1e-6
    agreement = model.model_.mean_agreement(model.parameters_)
    assert agreement[0] == agreement.max()


def test_known_probabilities_stay():
    model = _fit(PATTERNS, known_u={"first": U}, known_m={"last": M}, known_share=0.08)
    np.testing.assert_allclose(model.u_["first"], U)
    np.testing.assert_allclose(model.m_["last"], M)
    assert model.match_share_ == 0.08
    assert model.fit_.n_free == _fit(PATTERNS).fit_.n_free - 2 - 2 - 1
    for wrong, message in (({"first": [0.5, 0.5]}, "3 probabilities"), ({"x": [1.0]}, "no field of its own")):
        with pytest.raises(ParameterError, match=message):
            _fit(PATTERNS, known_u=wrong)


def test_monotone_levels_rise():
    odd = PAIRS.copy()
    odd["gamma_first"] = odd["gamma_first"].map({-1: -1, 0: 1, 1: 0, 2: 2})  # the two lower levels exchanged
    free, bound = _fit(odd), _fit(odd, monotone=True)
    assert np.diff(free.m_["first"]).min() < 0
    assert all(np.diff(m).min() >= -1e-9 for m in bound.m_.values())
    assert bound.fit_.is_converged
    assert bound.fit_.loglik <= free.fit_.loglik + 1e-9


def test_other_shares():
    model = _fit(PATTERNS)
    rarer = model.with_share(0.001)
    shift = np.log2(0.001 / 0.999) - np.log2(model.match_share_ / (1 - model.match_share_))
    change = rarer.match_weights(PATTERNS).sum(axis=1) - model.match_weights(PATTERNS).sum(axis=1)
    np.testing.assert_allclose(change, shift)
    assert model.match_share_ != 0.001
    share = share_without_blocking(0.2, match=0.9, others=0.01)
    assert share / (1 - share) == pytest.approx(0.25 * 0.01 / 0.9)


def test_error_rates_by_the_models_own_account():
    model = _fit(PATTERNS)
    table = model.error_rates()
    prob, n = model.match_probability(PATTERNS), PATTERNS["counts"].to_numpy()
    at = len(table["threshold"]) // 2
    above = prob >= table["threshold"][at] - 1e-12
    assert table["pairs"][at] == pytest.approx(n[above].sum())
    assert table["false_discovery"][at] == pytest.approx(1 - (n * prob)[above].sum() / n[above].sum())
    assert table["missed"][-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("field", [0, -1], ids=["constant", "all-missing"])
def test_field_that_tells_nothing_changes_nothing(field):
    model = _fit(PAIRS.assign(gamma_extra=field))
    assert model.fit_.loglik == pytest.approx(_fit(PAIRS).fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(model.weights_["extra"], 0, atol=1e-9)
    what = "Never compared" if field < 0 else "The same for all pairs"
    assert model.fit_.notes == (f"{what}, and so without a say: extra.",)
    assert "without a say" in str(model.summary())


def test_numbers_of_records_are_no_fields():
    plain = PAIRS.rename(columns=lambda name: name.removeprefix("gamma_"))
    table = plain.assign(id1=np.arange(len(plain)), id2=1, is_match=IS_MATCH.astype(int))
    assert _fit(table).fields_ == ("first", "last", "born", "town")
    numbered = plain.set_index(pd.MultiIndex.from_arrays([np.arange(len(plain)), np.arange(len(plain))]))
    assert _fit(numbered).fit_.loglik == _fit(table).fit_.loglik  # as recordlinkage has it


def _with_keys():
    """Return the pairs with three fields that tell matches without error."""
    return PAIRS.assign(**{f"gamma_{name}": IS_MATCH.astype(int) for name in ("key", "seal", "stamp")})


def test_fields_that_never_err_have_weights_without_limit():
    table = _with_keys()
    model = _fit(table)
    assert model.match_share_ == pytest.approx(IS_MATCH.mean(), abs=1e-6)
    assert model.fit_.is_converged
    assert np.isfinite(model.fit_.loglik)
    assert (model.predict(table) == IS_MATCH).all()
    assert model.weights_["key"].max() > 50 > _fit(table, smoothing=1.0).weights_["key"].max()


def test_one_pair():
    model = _fit({"first": [2], "last": [1]}, levels={"first": 3, "last": 2})
    assert model.fit_.loglik == pytest.approx(0.0, abs=1e-6)


def test_level_that_never_occurred_is_told():
    model = _fit(PATTERNS)
    with pytest.raises(DataError, match=r"field 'first' has levels 0 to 2, got 3 in row 0.*thresholds"):
        model.predict({"first": [3], "last": [0], "born": [0], "town": [0]})
    with pytest.raises(DataError, match="got 0.85 in row"):
        _fit({"first": [0.85, 1.0], "last": [0, 1]})
    with pytest.raises(DataError, match="there is no column 'town'"):
        model.predict({"first": [1], "last": [0], "born": [0]})


def test_options_out_of_range_are_told():
    for arguments, message in (
        ({"n_classes": 1}, "`n_classes` must be an integer of at least 2"),
        ({"smoothing": -1}, "`smoothing` must be at least 0"),
        ({"known_share": 1.5}, "`known_share` must lie between 0 and 1"),
        ({"dependence": [("first", "street")]}, "`dependence` must hold groups of fields"),
        ({"dependence": [("first", "last"), ("last", "born")]}, "may name each field once"),
        ({"levels": {"street": 2}}, "`levels` names 'street'"),
    ):
        with pytest.raises(ParameterError, match=message):
            _fit(PATTERNS, **arguments)


def test_saved_and_loaded(tmp_path):
    model = _fit(PATTERNS, known_share=0.1)
    emkit.save(model, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.match_weights(PATTERNS), model.match_weights(PATTERNS))


def test_standard_errors_are_those_of_the_complete_data_where_nothing_is_hidden():
    model = _fit(_with_keys())
    error = model.standard_errors()["share"][0]
    assert error == pytest.approx(np.sqrt(IS_MATCH.mean() * (1 - IS_MATCH.mean()) / len(PAIRS)), rel=1e-3)
