"""Pictures: displays in the manner of scikit-learn, and `draw`, which picks one.

They need Matplotlib (`pip install emkit[plot]`), which is imported when the first is drawn, and no window.
"""

from emkit.plot.density import DensityDisplay
from emkit.plot.draw import display_of, draw
from emkit.plot.mixture import MixtureDisplay
from emkit.plot.pairs import PairsDisplay
from emkit.plot.trace import TraceDisplay

__all__ = ["DensityDisplay", "MixtureDisplay", "PairsDisplay", "TraceDisplay", "display_of", "draw"]
