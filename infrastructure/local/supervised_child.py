"""Run a Python module as a child of the supervisor, the process that starts and stops the processes of `make run`.

Usage: `python -m infrastructure.local.supervised_child MODULE ARGUMENTS…`

The child ends when the supervisor is gone. So a killed supervisor leaves no process behind, and the local AWS can still
save its state."""

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_BETWEEN_LOOKS = 0.5


def end_with_parent(parent: int) -> None:
    """End this process by SIGTERM as soon as its parent, the process with the id `parent`, has ended. Runs in a thread.

    A process whose parent has ended gets another parent, which this function notices."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the Python module that the first command-line argument names, and pass the other arguments to the module."""
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
