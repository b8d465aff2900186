"""Child processes, a few at a time."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess


@dataclass
class Child:
    """A running process. `status` is None until the process has ended, and 0 if it ended well."""

    pid: int
    process: BaseProcess | None = None
    status: int | None = None

    @classmethod
    def fork(cls, run: Callable[[], int]) -> "Child":
        """Fork this process, run a function there, and end with the number that it returns."""
        pid = os.fork()
        if pid:
            return cls(pid)
        status = 1
        try:
            os.setsid()
            status = run()
        finally:
            os._exit(status)

    @classmethod
    def of_process(cls, process: BaseProcess) -> "Child":
        return cls(int(process.pid or 0), process)

    def has_ended(self) -> bool:
        if self.process is not None:
            self.status = self.process.exitcode
        else:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        if self.status is not None:
            self._kill()
        return self.status is not None

    def _kill(self) -> None:
        """Kill the process and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def become_quiet() -> None:
    """Close the output of this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def limit_time(usual: float) -> None:
    """End this process by a signal if its next test takes far more time than usual. An endless loop is noticed, too."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + 10 + 5 * usual)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    signal.alarm(int(60 + 20 * usual))


def run_children(children: Iterator[tuple[Child, Callable[[int], None]]], workers: int) -> None:
    """Run at most `workers` children at a time, and report the status of each. The iterator starts a child."""
    running: list[tuple[Child, Callable[[int], None]]] = []
    exhausted = False
    while running or not exhausted:
        while len(running) < workers and not exhausted:
            started = next(children, None)
            exhausted = started is None
            running += [started] if started else []
        time.sleep(0.01)
        for child, report in [pair for pair in running if pair[0].has_ended()]:
            running = [pair for pair in running if pair[0] is not child]
            report(int(child.status or 0))
