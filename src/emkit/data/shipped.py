"""The data sets that come with emkit: small, classical, each with its source."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import NamedTuple

from emkit.errors import DataError

__all__ = ["DataSet", "data_sets", "names", "path_of"]


class DataSet(NamedTuple):
    """A shipped data set: `n` rows, `d` numeric columns."""

    name: str
    n: int
    d: int
    description: str
    source: str


_FOLDER = Path(__file__).parent / "sets"

_DATA_SETS = (
    DataSet(
        "acidity", 155, 1,
        "Acidity index, log(ANC + 50), of lakes in north-central Wisconsin",
        "Crawford, DeGroot, Kadane & Small (1992), Technometrics 34:441-453; values as in R's package mclust",
    ),
    DataSet(
        "airquality", 153, 6,
        "Ozone, solar radiation, wind and temperature in New York, May to September 1973; some not measured",
        "Chambers, Cleveland, Kleiner & Tukey (1983), Graphical Methods for Data Analysis; values as in R's datasets",
    ),
    DataSet(
        "anaesthetists", 315, 3,
        "Five anaesthetists (raters; the first rates thrice) judge the fitness of 45 patients (items) from 1 to 4",
        "Dawid & Skene (1979), Applied Statistics 28:20-28, table 1; values as in R's package rater",
    ),
    DataSet(
        "carcinoma", 118, 7,
        "Seven pathologists (A to G) judge slides of the uterine cervix: 1 no carcinoma, 2 carcinoma",
        "Landis & Koch (1977), Biometrics 33:363-374; Agresti (2002), Categorical Data Analysis, table 13.1; "
        "values as in R's package poLCA",
    ),
    DataSet(
        "diabetes", 145, 3,
        "Glucose, insulin, steady-state plasma glucose of adults; clinical class Normal, Chemical or Overt",
        "Reaven & Miller (1979), Diabetologia 16:17-24; values as in R's package mclust",
    ),
    DataSet(
        "earthquakes", 107, 2,
        "Earthquakes of magnitude 7 or more in the world, each year from 1900 to 2006",
        "Zucchini & MacDonald (2009), Hidden Markov Models for Time Series, table 1.1",
    ),
    DataSet(
        "enzyme", 245, 1,
        "Activity of an enzyme in the blood that metabolises carcinogens, in unrelated people",
        "Bechtel, Bonaiti-Pellie, Poisson, Magnette & Bechtel (1993), Clin. Pharmacol. Ther. 54:134-141; "
        "values as in R's package multimode",
    ),
    DataSet(
        "faithful", 272, 2,
        "Old Faithful geyser: duration of an eruption and waiting time to the next, in minutes",
        "Azzalini & Bowman (1990), Applied Statistics 39:357-365; values as in R's datasets",
    ),
    DataSet(
        "galaxies", 82, 1,
        "Velocities of galaxies in the Corona Borealis region, in 1000 km/s",
        "Postman, Huchra & Geller (1986), Astron. J. 92:1238-1247; Roeder (1990), JASA 85:617-624; "
        "values as in R's package MASS, whose row 78 (26.690) should read 26.960",
    ),
    DataSet(
        "hasselblad_deaths", 10, 2,
        "Deaths of women of 80 and over per day in The Times, 1910-1912, and how many such days (freq)",
        "Hasselblad (1969), JASA 64:1459-1471",
    ),
    DataSet(
        "iris", 150, 4,
        "Sepals and petals of three species of iris, in cm",
        "Anderson (1935), Bull. Am. Iris Soc. 59:2-5; Fisher (1936), Ann. Eugenics 7:179-188; "
        "values as in R's datasets",
    ),
    DataSet(
        "lsat7", 32, 6,
        "Law School Admission Test, section 7: right (1) and wrong (0) answers to five questions, and how many of 1000 "
        "people gave each pattern (freq)",
        "Bock & Lieberman (1970), Psychometrika 35:179-197, table 1; values as in R's package mirt",
    ),
)  # fmt: skip


def data_sets() -> tuple[DataSet, ...]:
    """Return name, size, description and source of every shipped data set."""
    return _DATA_SETS


def names() -> tuple[str, ...]:
    """Return the names of the shipped data sets."""
    return tuple(entry.name for entry in _DATA_SETS)


def path_of(name: str) -> Path:
    """Return the file of a shipped data set.

    Raises
    ------
    DataError
        If there is no set of this name.
    """
    if name not in names():
        close = difflib.get_close_matches(str(name).lower(), names(), n=2)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        msg = f"There is no shipped data set {name!r}.{hint} There are: {', '.join(names())}."
        raise DataError(msg)
    return _FOLDER / f"{name}.csv"
