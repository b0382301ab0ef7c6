"""Imputation of 10000 x 20 with a fifth of the entries missing: emkit against scikit-learn's IterativeImputer."""

import time
import warnings

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from emkit.missing import EMImputer


def main():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 6)) @ rng.normal(size=(6, 20)) + 0.7 * rng.normal(size=(10_000, 20))
    hidden = rng.random(X.shape) < 0.2
    rows = np.where(hidden, np.nan, X)
    for imputer in (EMImputer(), IterativeImputer(random_state=0)):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = imputer.fit_transform(rows)
        seconds = time.perf_counter() - began
        error = np.sqrt(np.mean((done - X)[hidden] ** 2))
        print(f"{type(imputer).__name__:18} {seconds:7.3f} s  error {error:.6f}  iterations {imputer.n_iter_}")


if __name__ == "__main__":
    main()
