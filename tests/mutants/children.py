"""Child processes that each try one mutant (a change of the app), a few at a time."""

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
    """A child process that tries a mutant. `status` is None while it runs, 0 if all tests passed, or another number."""

    pid: int
    process: BaseProcess | None = None
    status: int | None = None

    @classmethod
    def fork(cls, run: Callable[[], int]) -> "Child":
        """Fork this process, call `run` in the child, and return the child to the parent.

        The child ends with the number that `run` returns as its status."""
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
        """Kill the child process and all processes that its tests have started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def become_quiet() -> None:
    """Redirect the input and output of this process to nowhere, so that its tests print nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def limit_time(usual: float) -> None:
    """Let the kernel end this process if its next test takes far longer than usual, in CPU time or wall time.

    A mutant may cause an endless loop. `usual` is the test's usual duration in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + 10 + 5 * usual)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    signal.alarm(int(60 + 20 * usual))


def run_children(children: Iterator[tuple[Child, Callable[[int], None]]], workers: int) -> None:
    """Run at most `workers` child processes at a time. After the end of each, call its function with its status.

    To get the next pair of a child and its function from the iterator starts the child."""
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
