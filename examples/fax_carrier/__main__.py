"""Start the local fax carrier: `python -m examples.fax_carrier --port 4579`."""

import argparse
import json
import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pypdfium2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from examples import launch
from examples.fax_carrier.app import Carrier, create_app
from examples.fax_carrier.exchange import Exchange
from examples.mailbox.emulator import LocalhostTransport

LOG = logging.getLogger("examples.fax_carrier")
ANSWER_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.2


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the API of the local fax carrier until the process is stopped."""
    parser = argparse.ArgumentParser(description="A local fax carrier")
    parser.add_argument("--port", type=int, default=4579)
    parser.add_argument("--data", type=Path, default=Path(".local/fax_carrier"))
    parser.add_argument("--webhook-url", default="", help="where faxes that come in are reported, before any order")
    options = parser.parse_args(argv)
    launch.set_up_process()
    client = httpx.Client(transport=LocalhostTransport(), timeout=ANSWER_WITHIN_SECONDS)
    exchange = Exchange(lambda url: _fetch(client, url), _count_pages, webhook_url=options.webhook_url)
    facts = Carrier(exchange, "KEYlocal", _signing_key(options.data), time.sleep, lambda: datetime.now(UTC))
    threading.Thread(target=_post_webhooks, args=(client, facts), daemon=True).start()
    launch.serve(create_app(facts), port=options.port)


def _post_webhooks(client: httpx.Client, facts: Carrier) -> None:
    """Post the carrier's reports on faxes (webhooks) to the portal when they are due. This never ends."""
    while True:
        for webhook in facts.exchange.due_webhooks(facts.clock()):
            body, now = json.dumps(webhook.body).encode(), facts.clock()
            try:
                client.post(webhook.url, content=body, headers=facts.sign(body, now)).raise_for_status()
            except httpx.HTTPError as problem:
                LOG.warning("an event was not accepted: %s", type(problem).__name__)
                facts.exchange.post_again(webhook, now)
        time.sleep(POLL_SECONDS)


def _fetch(client: httpx.Client, url: str) -> bytes | None:
    """Return the PDF to fax, downloaded from the portal's link, or None if the link does not work.

    A redirect counts as a failure."""
    try:
        response = client.get(url)
    except httpx.HTTPError:
        return None
    return response.content if response.is_success else None


def _count_pages(pdf: bytes) -> int:
    try:
        return len(pypdfium2.PdfDocument(pdf))
    except pypdfium2.PdfiumError:
        return 0


def _signing_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key with which the carrier signs its webhooks. The first start creates it as a file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "signing.key"
    if not file.exists():
        file.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
