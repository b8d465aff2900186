"""PDF bytes in, PDF or image bytes out: no AWS, no clock, no environment.

The pipeline of a decision is: original -> assemble -> seal -> verify -> release. Import `facts` freely; every
other module here loads PDF libraries, so import it inside the function that uses it.
"""

import logging

# Their warnings quote the file that they read.
for _library in ("pypdf", "pyhanko", "pyhanko_certvalidator", "pypdfium2"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)
