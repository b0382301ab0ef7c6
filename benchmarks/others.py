"""What others answer where they go wrong, and emkit's answer on the same data.

    python benchmarks/others.py spark       # needs pyspark and Java
    python benchmarks/others.py hmmlearn    # needs hmmlearn

The figures on docs/where-others-go-wrong.md come from here, with the versions printed. Settings are the defaults of
each library but for what is named.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

import numpy as np

import emkit


def two_clusters(d: int, offset: float = 0.0, n: int = 300) -> np.ndarray:
    """Return rows of two unit normal clusters, six standard deviations apart in every column, in random order."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(n, d)), rng.normal(6, 1, size=(n, d))])
    return X[rng.permutation(2 * n)] + offset


def spark() -> None:
    """Spark MLlib's GaussianMixture: a floor under the density, and moments that are not centred."""
    import pyspark
    from pyspark.ml.clustering import GaussianMixture
    from pyspark.ml.linalg import Vectors
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    print("pyspark", pyspark.__version__, "emkit", emkit.__version__, "numpy", np.__version__)
    for d, offset in ((2, 0.0), (20, 0.0), (60, 0.0), (2, 1e8)):
        X = two_clusters(d, offset)
        frame = session.createDataFrame([(Vectors.dense(row),) for row in X], ["features"]).repartition(2).persist()
        model = GaussianMixture(k=2, seed=0, maxIter=100).fit(frame)
        sizes, theirs = sorted(model.summary.clusterSizes), model.summary.logLikelihood
        ours = emkit.GaussianMixture(2, random_state=0).fit(X)
        own = sorted(np.bincount(ours.predict(X), minlength=2).tolist())
        print(
            f"d={d} offset={offset:g}: MLlib sizes {sizes}, loglik {theirs:.1f}, {model.summary.numIter} iterations; "
            f"emkit sizes {own}, loglik {ours.fit_.loglik:.1f}, {ours.fit_.status.value}"
        )
    session.stop()


def hmmlearn() -> None:
    """hmmlearn's `converged` after its iterations have run out."""
    import hmmlearn
    from hmmlearn.hmm import GaussianHMM

    rng = np.random.default_rng(0)
    states = np.cumsum(rng.random(600) < 0.1) % 3
    X = (1.5 * states + rng.normal(size=600))[:, None]
    print("hmmlearn", hmmlearn.__version__, "emkit", emkit.__version__, "numpy", np.__version__)
    theirs = GaussianHMM(3, n_iter=10, random_state=0).fit(X)
    long = GaussianHMM(3, n_iter=2000, tol=1e-9, random_state=0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = emkit.GaussianHMM(3, max_iter=10, random_state=0).fit(X)
    full = emkit.GaussianHMM(3, random_state=0).fit(X)
    print(
        f"hmmlearn n_iter=10: converged {theirs.monitor_.converged}, score {theirs.score(X):.4f}; "
        f"n_iter=2000, tol=1e-9: {long.monitor_.iter} iterations, score {long.score(X):.4f}"
    )
    print(
        f"emkit max_iter=10: {ours.fit_.status.value}, {ours.fit_.loglik:.4f}; "
        f"default: {full.fit_.status.value}, {full.fit_.loglik:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["spark", "hmmlearn"])
    {"spark": spark, "hmmlearn": hmmlearn}[parser.parse_args().which]()


if __name__ == "__main__":
    main()
