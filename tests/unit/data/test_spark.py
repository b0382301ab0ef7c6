"""Spark data frames: the answer of the rows, partitions where they are. Runs where pyspark and Java are."""

import os
import shutil
import sys

import numpy as np
import pytest

import emkit
from emkit.data import as_source
from emkit.errors import DataError

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def session():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "777").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, 1, size=(2000, 3)) for m in (0, 3.0)])[rng.permutation(4000)]


@pytest.fixture(scope="module")
def frame(session, X):
    import pandas as pd

    made = session.createDataFrame(pd.DataFrame(X, columns=list("abc")).assign(w=1.0 + (np.arange(4000) % 3)))
    return made.repartitionByRange(3, "a").persist()


def test_fit_is_that_of_the_rows(frame):
    source = as_source(frame.drop("w"))
    rows = np.concatenate([block.X for block in source.blocks()])
    there, here = (emkit.GaussianMixture(2, random_state=0, n_init=2).fit(d) for d in (frame.drop("w"), rows))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    np.testing.assert_allclose(there.means_, here.means_, rtol=1e-9)
    answers = there.predict(frame.drop("w")).toPandas()
    assert (answers["result"].to_numpy() == here.predict(answers[["a", "b", "c"]].to_numpy())).all()
    shares = there.predict_proba(frame.drop("w")).toPandas()
    expected = here.predict_proba(shares[["a", "b", "c"]].to_numpy())
    np.testing.assert_allclose(np.stack(shares["result"]), expected, atol=1e-12)


def test_weights_by_name(frame):
    options = {"random_state": 0, "n_init": 1, "tol": 1e-3}
    there, again = (emkit.GaussianMixture(2, **options).fit(frame, sample_weight="w") for _ in range(2))
    assert again.fit_.loglik == there.fit_.loglik
    table = frame.toPandas()
    here = emkit.GaussianMixture(2, **options).fit(
        table[["a", "b", "c"]].to_numpy(), sample_weight=table["w"].to_numpy()
    )
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, abs=1e-2)
    with pytest.raises(DataError, match="`sample_weight` is 'v', but the columns are"):
        as_source(frame, "v")


def test_twenty_dimensions_where_mllib_loses_the_density(session):
    """Two clusters six standard deviations apart in each of 20 columns, which MLlib 4.3 takes for one."""
    import pandas as pd

    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(300, 20)), rng.normal(6, 1, size=(300, 20))])
    frame = session.createDataFrame(pd.DataFrame(X, columns=[f"x{j}" for j in range(20)])).repartition(2).persist()
    fitted = emkit.GaussianMixture(2, random_state=0, n_init=2).fit(frame)
    np.testing.assert_allclose(fitted.weights_, 0.5)


def test_text_is_refused_by_name(session):
    made = session.createDataFrame([(1.0, "x"), (2.0, "y")], "a double, b string")
    with pytest.raises(DataError, match="column 'b' is of the type string"):
        as_source(made)


# --- sequences ---


@pytest.fixture(scope="module")
def chains():
    import pandas as pd

    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 2, 600), 8)
    who, t = np.repeat(np.arange(120), 40), np.tile(np.arange(40), 120)
    return pd.DataFrame({"who": [f"p{i}" for i in who], "t": t, "x": rng.normal(3.0 * state, 1.0)})


def test_sequences_are_put_together(session, chains):
    frame = session.createDataFrame(chains.sample(frac=1, random_state=0)).repartition(3)
    model = emkit.GaussianHMM(2, random_state=0, n_init=1, tol=1e-3, solver=emkit.EM(), sequence="who", time="t")
    there = model.fit(frame)
    here = emkit.GaussianHMM(2, random_state=0, n_init=1, tol=1e-3, solver=emkit.EM()).fit(
        chains, sequence="who", time="t"
    )
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-9)
    np.testing.assert_allclose(there.transmat_, here.transmat_, rtol=1e-5)
    answers = there.predict(frame).toPandas().sort_values(["who", "t"])
    expected = chains.assign(result=here.predict(chains, sequence="who", time="t")).sort_values(["who", "t"])
    assert (answers["result"].to_numpy() == expected["result"].to_numpy()).all()
    assert there.score(frame) == pytest.approx(here.score(chains, sequence="who", time="t"), rel=1e-9)


def test_sequences_need_times(session, chains):
    frame = session.createDataFrame(chains)
    with pytest.raises(DataError, match="has no order of rows: name the column of `time` beside 'who'"):
        emkit.GaussianHMM(2).fit(frame.drop("t"), sequence="who")
