"""`python -m docexchange` is the command `docexchange`."""

import sys

from .cli import main

sys.exit(main())
