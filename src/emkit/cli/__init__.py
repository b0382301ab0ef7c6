"""The command `emkit`: fit, predict, score, sample, show, plot, and the data sets that come along.

Exit codes: 0 done; 1 the fit did not converge or is degenerate (its result is printed all the same); 2 a
mistake in the command or the data; 130 interrupted; 141 the reader of a pipe went away.
"""

from emkit.cli.app import main

__all__ = ["main"]
