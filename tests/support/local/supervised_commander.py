"""What `make run` is to the supervisor: starts one slow saver in the given folder, and waits to be killed."""

import sys
import time
from pathlib import Path

from infrastructure.local.paths import Layout
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from tests.support.local.savers import saver


def main() -> None:
    layout = Layout(Path(sys.argv[1]))
    layout.prepare()
    processes = Processes(layout, take_lock(layout, Progress(time.time())))
    processes.start(saver(layout, seconds=float(sys.argv[2])))
    while True:
        processes.check()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
