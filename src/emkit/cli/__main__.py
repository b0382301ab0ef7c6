"""`python -m emkit.cli` is the command `emkit`."""

import sys

from emkit.cli.app import main

sys.exit(main())
