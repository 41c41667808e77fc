"""`python -m harness.listening`."""

import sys

from harness.listening.commands import main

if __name__ == "__main__":
    sys.exit(main())
