"""Start the mailbox: `python -m examples.mailbox --portal-json .local/portal.json`."""

import threading
from collections.abc import Sequence
from pathlib import Path

from examples import launch
from examples.mailbox import smtp
from examples.mailbox.app import create_app
from examples.mailbox.box import Box
from examples.mailbox.emulator import Emulator
from examples.mailbox.fax_carrier import FaxCarrier
from examples.mailbox.reader import Reader


def main(argv: Sequence[str] | None = None) -> None:
    """Receive emails at once, and serve the mailbox's pages as soon as portal.json exists, until the process is
    stopped."""
    parser = launch.arguments("What the provider receives", port=4577, data=".local/mailbox")
    parser.add_argument("--smtp-port", type=int, default=4578, help="the port in the local AWS's SMTP_HOST")
    parser.add_argument("--fax-domain", default="fax.example.net", help="domain of the fax gateway")
    options = parser.parse_args(argv)
    launch.set_up_process()
    box = Box(options.data)
    _listen(box, options.smtp_port)
    portal_file = _portal_file(options.portal_json, options.wait)
    emulator = Emulator(portal_file.aws_endpoint_url, box)
    threading.Thread(target=emulator.keep_polling, daemon=True).start()
    carrier = None
    if portal_file.fax_carrier_url:
        carrier = FaxCarrier(portal_file.fax_carrier_url, box, options.fax_domain)
        carrier.start()
    reader = Reader(box, emulator, options.fax_domain, portal_file.clinic_url, carrier, portal_file.return_fax)
    launch.serve(create_app(reader), port=options.port)


def _listen(box: Box, port: int) -> None:
    try:
        smtp.listen(box, port=port)
    except OSError as problem:
        reason = f"Port {port} on 127.0.0.1 is in use ({problem.strerror}). Choose another port with --smtp-port."
        raise SystemExit(reason) from problem


def _portal_file(path: Path, seconds: float) -> launch.PortalFile:
    try:
        return launch.wait_for_portal_file(path, seconds=seconds)
    except TimeoutError as problem:
        raise SystemExit(str(problem)) from problem


if __name__ == "__main__":
    main()
