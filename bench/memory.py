"""Measurement of a process's peak memory."""

import re
import resource
from pathlib import Path


def peak() -> float:
    """Return the largest amount of memory, in megabytes, that this process has used so far.

    On Linux, the figure comes from `/proc`, because the system call may report the figure of the parent process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    if match is None:
        raise SystemExit("/proc/self/status has no VmHWM.")
    return int(match[1]) / 1024
