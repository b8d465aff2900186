"""A process that, like the local AWS, needs a moment to save before it ends.

Arguments: the file to write its process id to, the file to write when it has saved, the seconds saving takes,
and a mood: `obedient`, `stubborn` to ignore being told to end, `failing` to end without having saved.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    ready, saved, seconds, mood = sys.argv[1:]

    def save(_signal: int, _frame: object) -> None:
        time.sleep(float(seconds))
        if mood == "failing":
            sys.exit(1)
        Path(saved).write_text("saved")
        sys.exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if mood == "stubborn" else save)
    Path(ready).write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
