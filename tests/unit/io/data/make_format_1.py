"""Writes the regression case of format 1. Run once, when the format was released; never again."""

from pathlib import Path

import emkit

X, names = emkit.load_data("faithful").numeric()
columns = dict(zip(names, X.T, strict=True))
mixture = emkit.GaussianMixture(2, random_state=0).fit(columns)
emkit.save(mixture, Path(__file__).with_name("faithful-format-1.emkit"), probe=X)
