"""A program that replaces `make run` in tests: it starts `slow_saver.py` in the given folder and waits to be killed.

The tests check that the supervisor then stops `slow_saver.py` cleanly."""

import sys
import time
from pathlib import Path

from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from tests.support.local.savers import saver


def main() -> None:
    paths = LocalPaths(Path(sys.argv[1]))
    paths.prepare()
    processes = Processes(paths, take_lock(paths, Progress(time.time())))
    processes.start(saver(paths, seconds=float(sys.argv[2])))
    while True:
        processes.check()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
