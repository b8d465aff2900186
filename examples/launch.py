"""What the sample clinic, the mailbox and the local fax carrier share: their start, their logs and their end."""

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask, Response, g, request
from waitress.server import create_server  # type: ignore[import-untyped]  # - it has no types

LOG = logging.getLogger("examples")
WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class PortalFile:
    """The contents of `.local/portal.json`: addresses and keys, which `make run` writes once everything is running."""

    portal_url: str
    aws_endpoint_url: str
    clinic_url: str
    mailbox_url: str
    practice_id: str
    api_key: str
    webhook_secret: str
    fax_carrier_url: str = ""
    return_fax: str = ""


def read_portal_file(path: Path) -> PortalFile:
    """Return the addresses and keys in portal.json. Raises `KeyError`, `TypeError` or `ValueError` for an incomplete
    file."""
    content: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    practice: Mapping[str, Any] = content["practice"]
    return PortalFile(
        portal_url=str(content["portal_url"]).rstrip("/"),
        aws_endpoint_url=str(content["aws_endpoint_url"]).rstrip("/"),
        clinic_url=str(content["clinic_url"]).rstrip("/"),
        mailbox_url=str(content["mailbox_url"]).rstrip("/"),
        practice_id=str(practice["id"]),
        api_key=str(practice["api_key"]),
        webhook_secret=str(practice["webhook_secret"]),
        fax_carrier_url=str(content.get("fax_carrier_url", "")),
        return_fax=str(content.get("return_fax", "")),
    )


def wait_for_portal_file(
    path: Path,
    *,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> PortalFile:
    """Wait until portal.json, the file with the portal's addresses and keys, exists and is complete. Return its
    contents.

    Raises `TimeoutError` with a sentence for the user."""
    end = clock() + seconds
    while True:
        try:
            return read_portal_file(path)
        except (FileNotFoundError, KeyError, TypeError, ValueError) as problem:
            if clock() >= end:
                reason = "does not exist" if isinstance(problem, FileNotFoundError) else "is not complete"
                raise TimeoutError(
                    f"{path} {reason} after {seconds:.0f} seconds. `make run` writes the file once the "
                    "portal is running. Start `make run` first, and look at its window for errors."
                ) from problem
        sleep(0.25)


def arguments(description: str, *, port: int, data: str) -> argparse.ArgumentParser:
    """Return a parser for the command-line options that the sample clinic and the mailbox have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--portal-json", type=Path, default=Path(".local/portal.json"))
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--wait", type=float, default=WAIT_SECONDS, help="seconds to wait for portal.json")
    return parser


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def set_up_process() -> None:
    """Make this process log to standard error, and exit immediately on SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    # These libraries log whole URLs and email addresses, which may name a person.
    for library in ("httpx", "mail.log"):
        logging.getLogger(library).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def serve(app: Flask, *, port: int) -> None:
    """Serve a Flask app on 127.0.0.1 until the process is stopped. Raises `SystemExit` if the port is in use."""
    try:
        server = create_server(app, host="127.0.0.1", port=port, threads=8, ident=None)
    except OSError as problem:
        reason = f"Port {port} on 127.0.0.1 is in use ({problem.strerror}). Choose another port with --port."
        raise SystemExit(reason) from problem
    LOG.info("ready on http://127.0.0.1:%d", port)
    server.run()


def log_requests(app: Flask) -> None:
    """Log one line for every request, with the route's pattern. The URL is not logged, because it may name a person."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def log(response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule else "(no such page)"
        took = 1000 * (time.monotonic() - g.began)
        LOG.info("%s %s %d %.0f ms", request.method, rule, response.status_code, took)
        return response
