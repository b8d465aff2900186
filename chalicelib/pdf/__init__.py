"""The PDF engine: it takes bytes and returns PDF or image bytes, without AWS, a clock or an environment.

A decided document passes these steps: original, assemble, seal, verify, release. Any module may import
`models`, `geometry` and `text.graphemes`. The other modules load PDF libraries, so import them inside the
function that needs them."""

import logging
import sys

# The warnings of these libraries quote the file that they read.
for _library in ("pypdf", "pyhanko", "pyhanko_certvalidator", "pypdfium2"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

# reportlab imports HarfBuzz if it can, which takes a tenth of its import time. Few texts need HarfBuzz, so
# `text.shaping` imports it on first use.
sys.modules.setdefault("uharfbuzz", None)  # type: ignore[arg-type]  # - None makes an import fail
