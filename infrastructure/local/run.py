"""`make run`: the whole portal on this machine, in the foreground, until Ctrl-C.

The processes belong to the supervisor; this one only says what is to be done and shows how it goes, so that
it may be killed at any moment.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import httpx
from botocore.exceptions import ConnectionError as NotConnected
from botocore.exceptions import HTTPClientError

from infrastructure import package
from infrastructure.local import emulator, repair
from infrastructure.local import sample_practice as sample
from infrastructure.local.emulator import Condition
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Command, Processes, take_lock
from infrastructure.local.stack import FIXED_PARAMETERS, LocalStack
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError, run_command

SECONDS_FOR_STAND_INS = 30.0
SECONDS_TO_STOP_STAND_IN = 5.0
LOWEST_PORT = 1024
HIGHEST_PORT = 65535


class Stop(Exception):
    """The person at the keyboard, the shell or `make` wants this to end."""


def run(paths: LocalPaths, addresses: sample.Addresses, progress: Progress, parent: int) -> None:
    """Bring everything up, say where it is, and keep it up until told to stop."""
    paths.prepare()
    lock = take_lock(paths, progress)
    refuse_taken_ports(addresses)
    found = emulator.condition(paths)
    explain(found, paths, progress)
    emulator.make_ready(paths, found)
    for announcement in (paths.portal, paths.stand_ins):
        announcement.unlink(missing_ok=True)
    with supervised(paths, lock, progress) as processes:
        with in_plain_words(paths, processes):
            bring_up(paths, addresses, processes, progress, found)
        progress.say(f"Ready: {paths.portal} has the addresses and keys")
        print(welcome(addresses), flush=True)
        wait_for_the_end(processes, parent)


@contextlib.contextmanager
def supervised(paths: LocalPaths, lock: int, progress: Progress) -> Iterator[Processes]:
    """Processes that are stopped, and their data saved, however the block is left."""
    processes = Processes(paths, lock)
    try:
        yield processes
    except (Stop, KeyboardInterrupt):
        print(flush=True)
    finally:
        progress.say("Stopping, and saving the data")
        well = processes.stop()
        progress.say("Stopped" if well else "Not all has ended yet; what is left saves its data by itself")


@contextlib.contextmanager
def in_plain_words(paths: LocalPaths, processes: Processes) -> Iterator[None]:
    """Raises UserError for an answer that did not come: nobody should have to read a trace for that."""
    try:
        yield
    except (httpx.TransportError, HTTPClientError, NotConnected) as error:
        # If the local AWS has ended, its last words say more.
        processes.check()
        raise UserError(
            f"The local AWS did not answer in time ({type(error).__name__}): this machine may be too busy. "
            "Run `make run` again, it goes on from what is there. If it happens again, "
            f"{paths.log_of(emulator.NAME)} may say why."
        ) from error


def bring_up(
    paths: LocalPaths, addresses: sample.Addresses, processes: Processes, progress: Progress, found: Condition
) -> None:
    """From nothing running to the portal and both stand-ins answering."""
    stack = LocalStack(addresses.port)
    progress.say("Starting the local AWS")
    # The mailbox first: it must not miss a mail.
    processes.start(mailbox(paths, addresses))
    processes.start(emulator.command(paths, addresses.port, smtp_port=addresses.smtp_port, persistent=True))
    package.package(
        paths.package,
        progress,
        architecture=package.host_architecture(),
        for_this_host=True,
    )
    emulator.wait_until_up(processes, addresses.port)
    stack.deploy(paths.package, progress)
    if found is Condition.KILLED:
        for line in repair.repair(stack):
            progress.say(line)
    wake(stack, progress)
    practice = sample.sample_practice(paths, stack, progress)
    content = sample.portal_file(stack, addresses, practice)
    sample.write_private(paths.stand_ins, content)
    progress.say("Starting the clinic and the mailbox")
    processes.start(clinic(paths, addresses))
    for port in (addresses.clinic_port, addresses.mailbox_port):
        emulator.wait_for(f"http://127.0.0.1:{port}/healthz", processes, SECONDS_FOR_STAND_INS)
    sample.write_private(paths.portal, content)


def wake(stack: LocalStack, progress: Progress) -> None:
    """Warm the functions up; one that stays asleep is no reason to end."""
    progress.say("Warming up the functions")
    if not stack.warm_up():
        progress.say("Not every function is awake yet: the first clicks may take longer than usual")


def mailbox(paths: LocalPaths, addresses: sample.Addresses) -> Command:
    """The provider's mailbox, which shows itself once it knows the portal."""
    options = ["--smtp-port", str(addresses.smtp_port), "--fax-domain", FIXED_PARAMETERS["FaxDomain"]]
    return _stand_in(paths, "mailbox", addresses.mailbox_port, options)


def clinic(paths: LocalPaths, addresses: sample.Addresses) -> Command:
    """The stand-in EMR."""
    return _stand_in(paths, "clinic", addresses.clinic_port, [])


def _stand_in(paths: LocalPaths, name: str, port: int, options: Sequence[str]) -> Command:
    arguments = ["--portal-json", str(paths.stand_ins), "--port", str(port)]
    return Command(
        name=name,
        module=f"examples.{name}",
        arguments=[*arguments, "--data", str(paths.data_of(name)), *options],
        environment=emulator.inherited(),
        grace=SECONDS_TO_STOP_STAND_IN,
    )


def explain(found: Condition, paths: LocalPaths, progress: Progress) -> None:
    """Say what a killed emulator means for the data."""
    if found is Condition.LOST:
        progress.say("The local AWS was killed before it had saved anything: the portal starts afresh")
    if found is Condition.KILLED:
        progress.say(
            "The local AWS was killed before it could save: the portal goes back to what it saved at "
            f"{emulator.saved_at(paths)}, and anything later is lost"
        )


def refuse_taken_ports(addresses: sample.Addresses) -> None:
    """Raise UserError when another program listens on one of our ports."""
    for port in addresses.all_ports:
        if not _is_free(port):
            raise UserError(
                f"Port {port} is in use by another program. End that program, or take other ports: "
                f"make run PORT={_other(addresses.port)}"
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port that is only waiting out its last connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _other(port: int) -> int:
    return port + 100 if port + 200 < HIGHEST_PORT else port - 100


def welcome(addresses: sample.Addresses) -> str:
    """What to open, and what to do there."""
    stack = LocalStack(addresses.port)
    return f"""
  Clinic   {addresses.clinic_url}   press "Approve and send" on a plan of care
  Mailbox  {addresses.mailbox_url}   read what the provider gets, set up the password, review and sign
  Portal   {stack.portal_url}   where the provider signs; the clinic then shows the plan as returned

  Ctrl-C stops it. Everything is kept for the next `make run`.
"""


def wait_for_the_end(processes: Processes, parent: int) -> None:
    """Keep everything up until told to stop, or until `make`, the `parent`, is gone.

    Raises UserError when a process ends by itself.
    """
    while True:
        processes.check()
        # A `make` that is killed outright cannot pass the signal on.
        if "MAKELEVEL" in os.environ and os.getppid() != parent:
            raise Stop
        time.sleep(0.3)


def stop_on_signals() -> None:
    """Make the signals that mean "end" end this the orderly way."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def port_number(text: str) -> int:
    """A port with room for the other three, from the command line."""
    port = int(text) if text.isdecimal() else 0
    if not LOWEST_PORT <= port <= HIGHEST_PORT - sample.SMTP_PORT_OFFSET:
        raise argparse.ArgumentTypeError(
            f"{text} is not a port from {LOWEST_PORT} on with room for three more"
        )
    return port


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the portal on this machine.")
    parser.add_argument("--port", type=port_number, default=4566)
    parser.add_argument("--home", type=Path, default=ROOT / ".local", help="where the data is kept")
    arguments = parser.parse_args()
    stop_on_signals()
    progress = Progress(float(os.environ.get("PORTAL_RUN_STARTED", time.time())))
    with contextlib.suppress(Stop, KeyboardInterrupt):
        run(LocalPaths(arguments.home.resolve()), sample.Addresses(arguments.port), progress, os.getppid())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
