"""Free ports of this machine, for the servers that tests start."""

import secrets
import socket

SPACING = 10
"""The ports between two choices are free too, because `make run` uses a few ports above its own."""

_CHOICES = range(11_000, 32_000, SPACING)
_taken: set[int] = set()


def free_port() -> int:
    """Return a port on which no program listens, for a server of a test. Each call in a process returns another port.

    The next few ports are free too. The port is below 32768, where the ports of outgoing connections start. So no
    connection takes the port before the server starts, which can take half a minute."""
    while True:
        port = secrets.choice(_CHOICES)
        if port not in _taken:
            _taken.add(port)
            if all(_is_free(neighbor) for neighbor in range(port, port + SPACING)):
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
