"""Ports for the servers of tests."""

import secrets
import socket

SPACING = 10
"""The ports up to the next choice are free too: `make run` takes some above its own for the stand-ins."""

_CHOICE = range(11_000, 32_000, SPACING)
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that nobody in this process is given again.

    Below those that Linux gives to whoever connects (32768 and up): between the choice and the server's
    start, which can take half a minute, no connection of a neighbour takes it.
    """
    while True:
        port = secrets.choice(_CHOICE)
        if port not in _given:
            _given.add(port)
            if all(_is_free(each) for each in range(port, port + SPACING)):
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
