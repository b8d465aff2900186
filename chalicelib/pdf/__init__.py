"""The PDF engine: functions that inspect, render, sign and verify the bytes of PDF files.

The engine uses no AWS, no clock and no environment variables. A document that its provider signed or declined passes
these steps: assemble the pages, prepare and add the seal (a digital signature of the whole file), check, release.
Any module may import `models`, `geometry`, `text.graphemes` and `text.printable`. The other modules load PDF libraries,
so import them inside the function that needs them."""

import logging
import sys

# The warnings of these libraries quote the file that they read.
for _library in ("pypdf", "pyhanko", "pyhanko_certvalidator", "pypdfium2"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

# reportlab imports HarfBuzz if it can, which takes a tenth of its import time. Few texts need HarfBuzz, so
# `text.shaping` imports it on first use.
sys.modules.setdefault("uharfbuzz", None)  # type: ignore[arg-type]  # - None makes an import fail
