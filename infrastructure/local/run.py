"""The command `make run`, which runs the whole portal on this machine until Ctrl-C.

The supervisor, a second process, starts and stops all other processes. This process only sends commands to the
supervisor and prints the progress, so it may be killed at any moment."""

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
from infrastructure.local import fax_carrier as carrier
from infrastructure.local import sample_practice as sample
from infrastructure.local.emulator import Condition
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Command, Processes, take_lock
from infrastructure.local.stack import FIXED_PARAMETERS, LocalStack
from infrastructure.progress import Progress
from infrastructure.registry import sample as registry
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError, run_command

SECONDS_FOR_STAND_INS = 30.0
SECONDS_TO_STOP_STAND_IN = 5.0
LOWEST_PORT = 1024
HIGHEST_PORT = 65535


class Stop(Exception):
    """Signal (as an exception) to end `make run`, because of a key press, a signal of the shell, or the end of
    `make`."""


def run(paths: LocalPaths, addresses: sample.Addresses, progress: Progress, parent: int) -> None:
    """Start the portal, print its addresses, and wait for the signal to stop. Then stop everything.

    `parent` is the id of the process `make`. Raises UserError with a sentence if the start fails."""
    paths.prepare()
    lock = take_lock(paths, progress)
    refuse_taken_ports(addresses)
    condition = emulator.read_condition(paths)
    explain(condition, paths, progress)
    emulator.prepare(paths, condition)
    for announcement in (paths.portal, paths.stand_ins):
        announcement.unlink(missing_ok=True)
    with supervise(paths, lock, progress) as processes:
        with explain_timeouts(paths, processes):
            start_portal(paths, addresses, processes, progress, condition)
        progress.say(f"Ready. The addresses and keys are in {paths.portal}")
        print(welcome(addresses), flush=True)
        wait_for_the_end(processes, parent)


@contextlib.contextmanager
def supervise(paths: LocalPaths, lock: int, progress: Progress) -> Iterator[Processes]:
    """Yield the object that starts the processes of `make run`.

    At the end of the `with` block, stop the processes and save their data, even after an error. `lock` is the
    descriptor of the lock on the folder."""
    processes = Processes(paths, lock)
    try:
        yield processes
    except (Stop, KeyboardInterrupt):
        print(flush=True)
    finally:
        progress.say("Stopping and saving the data")
        in_time = processes.stop()
        progress.say("Stopped" if in_time else "Some processes are still saving their data and will then end")


@contextlib.contextmanager
def explain_timeouts(paths: LocalPaths, processes: Processes) -> Iterator[None]:
    """Replace a timeout of the local AWS in the `with` block by a UserError, whose sentence says what to do."""
    try:
        yield
    except (httpx.TransportError, HTTPClientError, NotConnected) as error:
        # If the local AWS has ended, its log explains more.
        processes.check()
        raise UserError(
            f"The local AWS did not respond in time ({type(error).__name__}). This machine may be too busy. "
            "Run `make run` again; finished steps are not repeated. If the problem persists, see "
            f"{paths.log_of(emulator.NAME)}."
        ) from error


def start_portal(
    paths: LocalPaths, addresses: sample.Addresses, processes: Processes, progress: Progress, condition: Condition
) -> None:
    """Start the local AWS, deploy the portal, and start the sample clinic, the mailbox and the fax carrier.

    `condition` is the condition of the data of the last run. Data that a killed local AWS has left is repaired."""
    stack = LocalStack(addresses.port)
    progress.say("Starting the local AWS")
    # The mailbox starts first, because it must not miss an email.
    processes.start(mailbox(paths, addresses))
    processes.start(fax_carrier(paths, addresses))
    processes.start(emulator.command(paths, addresses.port, smtp_port=addresses.smtp_port, persistent=True))
    package.package(paths.package, progress, architecture=package.host_architecture(), for_this_host=True)
    emulator.wait_until_up(processes, addresses.port)
    emulator.wait_for(f"{addresses.fax_carrier_url}/healthz", processes, SECONDS_FOR_STAND_INS)
    stack.deploy(paths.package, progress, carrier.enroll(stack, addresses.fax_carrier_url))
    if condition is Condition.KILLED:
        for line in repair.repair(stack):
            progress.say(line)
    registry.load_sample(stack.client("s3"), stack.outputs()["Bucket"])
    warm_up(stack, progress)
    practice = sample.ensure_practice(paths, stack, progress)
    content = sample.portal_file(stack, addresses, practice)
    sample.write_private(paths.stand_ins, content)
    progress.say("Starting the clinic and the mailbox")
    processes.start(clinic(paths, addresses))
    for port in (addresses.clinic_port, addresses.mailbox_port):
        emulator.wait_for(f"http://127.0.0.1:{port}/healthz", processes, SECONDS_FOR_STAND_INS)
    sample.write_private(paths.portal, content)


def warm_up(stack: LocalStack, progress: Progress) -> None:
    """Call every Lambda function once, so that a person's first click does not wait for a cold start.

    A function that does not respond is reported, and the start continues without it."""
    progress.say("Warming up the functions")
    if not stack.warm_up():
        progress.say("Not every function is warm yet, so the first clicks may take longer than usual")


def mailbox(paths: LocalPaths, addresses: sample.Addresses) -> Command:
    """Return the command that starts the mailbox, the stand-in for the provider's inbox and fax machine."""
    options = ["--smtp-port", str(addresses.smtp_port), "--fax-domain", FIXED_PARAMETERS["FaxDomain"]]
    return _stand_in(paths, "mailbox", addresses.mailbox_port, options)


def fax_carrier(paths: LocalPaths, addresses: sample.Addresses) -> Command:
    """Return the command that starts the local fax carrier, which replaces the service that sends faxes."""
    arguments = ["--port", str(addresses.fax_carrier_port), "--data", str(paths.data_of(carrier.NAME))]
    reports = f"{LocalStack(addresses.port).portal_url}/fax/telnyx"
    return _command(carrier.NAME, [*arguments, "--webhook-url", reports])


def clinic(paths: LocalPaths, addresses: sample.Addresses) -> Command:
    """Return the command that starts the sample clinic, a small EMR that sends documents to the portal."""
    return _stand_in(paths, "clinic", addresses.clinic_port, [])


def _stand_in(paths: LocalPaths, name: str, port: int, options: Sequence[str]) -> Command:
    arguments = ["--portal-json", str(paths.stand_ins), "--port", str(port)]
    return _command(name, [*arguments, "--data", str(paths.data_of(name)), *options])


def _command(name: str, arguments: Sequence[str]) -> Command:
    return Command(
        name=name,
        module=f"examples.{name}",
        arguments=arguments,
        environment=emulator.inherited_variables(),
        grace=SECONDS_TO_STOP_STAND_IN,
    )


def explain(condition: Condition, paths: LocalPaths, progress: Progress) -> None:
    """Print which data is lost if the local AWS was killed in the last run. Print nothing after a clean stop."""
    if condition is Condition.LOST:
        progress.say("The local AWS was killed before its first save, so the portal starts without data")
    if condition is Condition.KILLED:
        progress.say(
            "The local AWS was killed before it could save. The portal returns to its data of "
            f"{emulator.saved_at(paths)}, and later changes are lost"
        )


def refuse_taken_ports(addresses: sample.Addresses) -> None:
    """Raise UserError if another program already listens on one of the five ports that `make run` needs."""
    for port in addresses.all_ports:
        if not _is_free(port):
            raise UserError(
                f"Port {port} is in use by another program. End that program, or use other ports: "
                f"make run PORT={_other(addresses.port)}"
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Servers set this option too, so that a port with only closed connections counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _other(port: int) -> int:
    return port + 100 if port + 200 < HIGHEST_PORT else port - 100


def welcome(addresses: sample.Addresses) -> str:
    """Return the text for the person at the keyboard: the pages to open, and the first steps."""
    stack = LocalStack(addresses.port)
    return f"""
  Clinic   {addresses.clinic_url}   press "Approve and send" on a plan of care
  Mailbox  {addresses.mailbox_url}   read what the provider gets, set up the password, review and sign
  Portal   {stack.portal_url}   where the provider signs; the clinic then shows the plan as returned

  Ctrl-C stops everything. The data is saved for the next `make run`.
"""


def wait_for_the_end(processes: Processes, parent: int) -> None:
    """Wait until a signal arrives or `make`, the process with the id `parent`, has ended.

    Raises UserError if a process ends unexpectedly."""
    while True:
        processes.check()
        # A killed `make` cannot forward the signal.
        if "MAKELEVEL" in os.environ and os.getppid() != parent:
            raise Stop
        time.sleep(0.3)


def stop_on_signals() -> None:
    """Make SIGTERM and SIGHUP raise `Stop`, so that the data is saved before this process ends."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def port_number(text: str) -> int:
    """Return the portal's port from a command-line argument. The four other programs of `make run` use higher ports.

    Raises `ArgumentTypeError` if the text is no port, or has no room for the four higher ports."""
    port = int(text) if text.isdecimal() else 0
    if not LOWEST_PORT <= port <= HIGHEST_PORT - sample.FAX_CARRIER_PORT_OFFSET:
        raise argparse.ArgumentTypeError(
            f"{text} is not a port from {LOWEST_PORT} to {HIGHEST_PORT - sample.FAX_CARRIER_PORT_OFFSET}"
        )
    return port


def main() -> int:
    """Run the portal at the port that is given on the command line, until it is stopped. Return the exit status."""
    parser = argparse.ArgumentParser(description="Run the portal on this machine.")
    parser.add_argument("--port", type=port_number, default=4566)
    parser.add_argument("--home", type=Path, default=ROOT / ".local", help="folder for the data")
    arguments = parser.parse_args()
    stop_on_signals()
    progress = Progress(float(os.environ.get("PORTAL_RUN_STARTED", time.time())))
    with contextlib.suppress(Stop, KeyboardInterrupt):
        run(LocalPaths(arguments.home.resolve()), sample.Addresses(arguments.port), progress, os.getppid())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
