"""Run `python -m chalicelib.pdf.verify`, the command that the documentation names."""

import sys

from chalicelib.pdf.signing.verification import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
