"""Start the sample EMR: `python -m examples.clinic --portal-json .local/portal.json`."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from examples import launch
from examples.clinic.app import create_app
from examples.clinic.office import Addresses, Office
from examples.clinic.portal import Portal, Refused, Unreachable
from examples.clinic.store import Store

LOG = logging.getLogger("examples.clinic")
REGISTER_TRIES = 30
REGISTER_PAUSE = 2.0


def main(argv: Sequence[str] | None = None) -> None:
    """Wait until the portal is ready (portal.json exists), then serve the sample EMR until the process is stopped."""
    parser = launch.arguments("A small stand-in EMR", port=4576, data=".local/clinic")
    options = parser.parse_args(argv)
    launch.set_up_process()
    try:
        portal_file = launch.wait_for_portal_file(options.portal_json, seconds=options.wait)
    except TimeoutError as problem:
        raise SystemExit(str(problem)) from problem
    office = _office(portal_file, Store(options.data / "clinic.sqlite3"))
    office.seed()
    threading.Thread(target=register, args=(office,), daemon=True).start()
    launch.serve(create_app(office), port=options.port)


def _office(portal_file: launch.PortalFile, store: Store) -> Office:
    portal = Portal(
        url=portal_file.portal_url,
        practice_id=portal_file.practice_id,
        api_key=portal_file.api_key,
        webhook_secret=portal_file.webhook_secret,
    )
    addresses = Addresses(clinic=portal_file.clinic_url, mailbox=portal_file.mailbox_url, portal=portal_file.portal_url)
    return Office(portal=portal, store=store, addresses=addresses, webhook_secret=portal_file.webhook_secret)


def register(office: Office, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Tell the portal to which address it must post this EMR's webhooks. Try again while the portal is still
    starting."""
    for _ in range(REGISTER_TRIES):
        try:
            office.register()
        except Unreachable:
            sleep(REGISTER_PAUSE)
        except Refused as problem:
            LOG.warning("the portal refused the webhook address: %d %s", problem.status, problem.title)
            return
        else:
            LOG.info("webhook address registered")
            return
    LOG.warning("the portal did not answer. Register the webhook address on the Customize page.")


if __name__ == "__main__":
    main()
