"""Item banks, tables of items, and what the command line needs."""

import csv
import json

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError


def fitted(item_type="2PL"):
    table = emkit.load_data("lsat7")
    X = {name: table[name] for name in ("q1", "q2", "q3", "q4", "q5")}
    return emkit.ItemResponseModel(item_type).fit(X, sample_weight=table["freq"])


def test_csv_has_the_columns_of_mirt(tmp_path):
    model = fitted()
    path = model.write_bank(tmp_path / "bank.csv")
    with path.open() as file:
        header, *rows = csv.reader(file)
    assert header == ["item", "a1", "d"]
    assert [row[0] for row in rows] == list(model.item_names_)
    np.testing.assert_array_equal([float(row[1]) for row in rows], model.coef_["a1"])


def test_json_in_traditional_form(tmp_path):
    model = fitted("3PL")
    found = json.loads(model.write_bank(tmp_path / "bank.json", "traditional").read_text())
    assert list(found) == ["item", "a1", "b", "g"]
    np.testing.assert_allclose(found["b"], -model.coef_["d"] / model.coef_["a1"])


def test_array_for_adaptive_tests():
    model = fitted("3PL")
    bank = model.item_bank()
    assert bank.shape == (5, 4)
    theta = 0.3
    a, b, c, d = bank.T
    np.testing.assert_allclose(c + (d - c) / (1 + np.exp(-a * (theta - b))), model.probability(theta)[0, :, 1])


def test_other_suffixes_and_models_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"written as \.csv or \.json, got 'bank.xlsx'"):
        fitted().write_bank(tmp_path / "bank.xlsx")
    rng = np.random.default_rng(0)
    graded = emkit.ItemResponseModel("graded").fit(
        (rng.normal(size=(300, 1, 1)) + rng.logistic(size=(300, 4, 1)) > [-1, 0.5]).sum(axis=2)
    )
    with pytest.raises(ParameterError, match="needs two-category items"):
        graded.item_bank()


def test_summary_names_the_items():
    text = fitted("Rasch").summary()
    assert "q3" in text
    assert "Latent variable" in text


def test_table_with_more_columns_is_scored_by_name():
    model, table = fitted(), emkit.load_data("lsat7")
    found = model.prediction_table(table)
    assert list(found.names) == ["theta", "se_theta"]
    assert len(found["theta"]) == 32


def test_unknown_form_and_method():
    model = fitted()
    with pytest.raises(ParameterError, match="`form` must be"):
        model.coef("logistic")
    with pytest.raises(ParameterError, match="`method` must be one of"):
        model.scores([[1] * 5], "EAPsum")
    with pytest.raises(KeyError, match="there is no column 'z'"):
        model.coef_["z"]
    with pytest.raises(ParameterError, match="`theta` must be finite numbers"):
        model.information([np.inf])
