"""`python -m harness.store`."""

import sys

from harness.store.commands import main

if __name__ == "__main__":
    sys.exit(main())
