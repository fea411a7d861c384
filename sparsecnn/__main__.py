"""The command line: ``python -m sparsecnn``."""

import sys

from sparsecnn._command_line import main

if __name__ == "__main__":
    sys.exit(main())
