"""
Missing entries are integrated out
==================================

Some waiting times of Old Faithful are deleted, more often after short eruptions than after long ones, so that leaving
out incomplete rows would distort the picture.
"""

import numpy as np

import emkit

X, names = emkit.load_data("faithful").numeric()
rng = np.random.default_rng(0)
is_short = X[:, 0] < 3
is_missing = rng.random(len(X)) < np.where(is_short, 0.7, 0.1)
gappy = X.copy()
gappy[is_missing, 1] = np.nan

# %%
# The shares of short and long eruptions, from all rows, from the complete ones, and from all that is known:

fits = {
    "everything": emkit.GaussianMixture(2, random_state=0).fit(X),
    "complete rows": emkit.GaussianMixture(2, random_state=0).fit(gappy[~is_missing]),
    "all that is known": emkit.GaussianMixture(2, random_state=0).fit(gappy),
}
for name, model in fits.items():
    print(f"{name:<18} weights {model.weights_.round(3)}  mean waiting {model.means_[:, 1].round(1)}")

# %%
# Whether an entry is missing depends here on the duration, which was observed: *missing at random*, the case in which
# the likelihood of what was observed is right.

emkit.plot.MixtureDisplay.from_estimator(fits["all that is known"], X).figure_
