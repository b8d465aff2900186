"""PDF bytes in, PDF or image bytes out: no AWS, no clock, no environment.

The pipeline of a decision is: original -> assemble -> seal -> verify -> release. Import `facts` freely; every
other module here loads PDF libraries, so import it inside the function that uses it.
"""

import logging
import sys

# Their warnings quote the file that they read.
for _library in ("pypdf", "pyhanko", "pyhanko_certvalidator", "pypdfium2"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

# reportlab would import HarfBuzz with itself, which takes a tenth of its time. `shaping` imports it for the
# few texts that need it; until then, it is not there.
sys.modules.setdefault("uharfbuzz", None)  # type: ignore[arg-type]  # - what keeps a module from import
