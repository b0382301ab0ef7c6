"""The models that the laws are run over: `CASES` of every `cases_*.py` beside this file, one file for each room."""

import importlib
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PLACES = [str(_HERE), str(_HERE.parents[1] / "examples")]

sys.path[:0] = _PLACES
CASES = [case for path in sorted(_HERE.glob("cases_*.py")) for case in importlib.import_module(path.stem).CASES]
del sys.path[: len(_PLACES)]
