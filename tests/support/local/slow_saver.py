"""A program that needs a moment to save its data before it ends. In tests of `make run`, it replaces the local AWS.

Arguments: the file for its process id, the file to write after saving, the seconds that saving takes, and a manner:
`obedient`, `stubborn` (ignores SIGTERM) or `failing` (ends without saving)."""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    ready, saved, seconds, manner = sys.argv[1:]

    def save(_signal: int, _frame: object) -> None:
        time.sleep(float(seconds))
        if manner == "failing":
            sys.exit(1)
        Path(saved).write_text("saved")
        sys.exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else save)
    Path(ready).write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
