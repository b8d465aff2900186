"""How much memory a process has taken at most."""

import re
import resource
from pathlib import Path


def peak() -> float:
    """Megabytes of this process. Linux says it itself; the system call's figure may be that of the process
    which started this one.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    if found is None:
        raise SystemExit("Linux does not say how much memory was taken.")
    return int(found[1]) / 1024
