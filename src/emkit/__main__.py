"""`python -m emkit` is the command `emkit`."""

import sys

from emkit.cli import main

sys.exit(main())
