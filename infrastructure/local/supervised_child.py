"""Run a Python module as a child of the supervisor, and end the module when the supervisor is gone.

Usage: `python -m infrastructure.local.supervised_child MODULE ARGUMENTS…`
So a killed supervisor leaves no process behind, and the local AWS can still save its state."""

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_BETWEEN_LOOKS = 0.5


def end_with_parent(parent: int) -> None:
    """Send SIGTERM to this process once its parent is no longer the process with the id `parent`. Runs in a thread."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module that the first argument names, with the other arguments."""
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
