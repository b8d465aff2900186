"""The command `python -m chalicelib.pdf.verify`, which verifies the portal's seal on a PDF without a network."""

import sys

from chalicelib.pdf.signing.verification import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
