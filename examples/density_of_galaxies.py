"""
The density of galaxy velocities
================================

How many groups do 82 galaxies form? BIC says three, and the smallest two are small indeed.
"""

import emkit

velocities = emkit.load_data("galaxies")
found = emkit.density(velocities)
print(found.n_components, "components; modes at", found.modes().round(1))

# %%
# The histogram, the density, and its components:

found.plot().figure_

# %%
# The distribution function and its inverse are exact:

print("share of galaxies below 15:", found.cdf(15.0).round(4))
print("nine of ten lie between", found.interval(0.9))
