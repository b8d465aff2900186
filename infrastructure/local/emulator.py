"""The start of MiniStack, the emulator of AWS for `make run` and tests (the local AWS), and of its saved data."""

import enum
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Command, Processes
from infrastructure.user_error import UserError

REGION = "us-east-1"
# The emulator's root account. Each Lambda function has the credentials of its own role instead.
ROOT_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
NAME = "aws"
SECONDS_TO_SAVE = 120.0
SECONDS_TO_START = 60.0
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL")


class Condition(enum.Enum):
    """The condition of the saved data at a start of the local AWS, which depends on how its last run ended."""

    FRESH = "there is no data yet"
    LOST = "killed before its first save"
    SAVED = "stopped cleanly"
    KILLED = "killed before it could save again"


def endpoint(port: int) -> str:
    """Return the URL of the local AWS at this port, which boto3 clients use in place of the URLs of AWS."""
    return f"http://127.0.0.1:{port}"


def command(paths: LocalPaths, port: int, *, smtp_port: int, persistent: bool) -> Command:
    """Return the command that starts MiniStack (the local AWS) with IAM enforced and without the user's AWS settings.

    `persistent` makes it save its data at a clean stop, for the next start. MiniStack sends emails to `smtp_port`,
    because its own list of sent emails has no attachments."""
    return Command(
        name=NAME,
        module="ministack",
        arguments=(),
        environment=_environment(paths, port, smtp_port, persistent=persistent),
        grace=SECONDS_TO_SAVE,
        clean_stop=paths.clean_stop if persistent else None,
    )


def _environment(paths: LocalPaths, port: int, smtp_port: int, *, persistent: bool) -> dict[str, str]:
    keep = "1" if persistent else "0"
    return inherited_variables() | {
        "AUTH": "true",
        "AWS_DEFAULT_REGION": REGION,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": keep,
        "S3_DATA_DIR": str(paths.objects),
        "S3_PERSIST": keep,
        "SFTP_ENABLED": "0",
        "SMTP_HOST": f"127.0.0.1:{smtp_port}",
        "STATE_DIR": str(paths.state),
        "TMPDIR": str(paths.temporary),
    }


def inherited_variables() -> dict[str, str]:
    """Return the few environment variables, such as `PATH`, that the processes of `make run` get from the user's shell.

    All other variables are left out, so that the user's settings (of AWS, for example) have no effect."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def read_condition(paths: LocalPaths) -> Condition:
    """Return the condition of the data that the last run of the local AWS saved, such as `KILLED`.

    Raises UserError if a saved file is damaged."""
    state_files = sorted(paths.state.glob("*.json"))
    for file in state_files:
        _read_state(file)
    if state_files:
        return Condition.SAVED if paths.clean_stop.exists() else Condition.KILLED
    return Condition.LOST if any(paths.objects.iterdir()) else Condition.FRESH


def saved_at(paths: LocalPaths) -> str:
    """Return the local time at which the local AWS last saved its state, such as `2026-11-30 09:26:00`."""
    newest = max(file.stat().st_mtime for file in paths.state.glob("*.json"))
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(newest))


def _read_state(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise UserError(
            f"{file} is damaged ({error}), and the local AWS would start without this data. "
            "Restore the file, or run `make clean-local` to remove all local data. Then run `make run`."
        ) from error


def prepare(paths: LocalPaths, condition: Condition) -> None:
    """Remove the data of the local AWS that must not survive a restart.

    This data is the files of old Lambda workers, the positions in table streams, and the S3 objects of a run that saved
    no tables (the condition `LOST`)."""
    _empty_folder(paths.temporary)
    if condition is Condition.LOST:
        shutil.rmtree(paths.objects, ignore_errors=True)
        paths.objects.mkdir(parents=True)
    forget_stream_positions(paths)


def _empty_folder(folder: Path) -> None:
    # The folder may hold tens of thousands of files, so a thread removes them.
    aside = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    folder.mkdir()
    threading.Thread(target=shutil.rmtree, args=(aside, True), daemon=True).start()


def forget_stream_positions(paths: LocalPaths) -> None:
    """Remove the positions up to which the local AWS had read the streams of the DynamoDB tables.

    The records of a stream are not saved, so after a restart an old position would skip new records."""
    file = paths.state / "lambda.json"
    if not file.exists():
        return
    state = _read_state(file)
    positions = state.get("payload", {}).get("dynamodb_stream_positions", {})
    if not positions.get("data"):
        return
    positions["data"] = {}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(state))
    draft.replace(file)


def wait_until_up(processes: Processes, port: int) -> None:
    """Wait until MiniStack (the local AWS) responds at this port.

    Raises UserError if one of the `processes` ends, or if MiniStack does not respond in time."""
    wait_for(f"{endpoint(port)}/_ministack/health", processes, SECONDS_TO_START)


def wait_for(url: str, processes: Processes, seconds: float) -> None:
    """Wait until a GET request to `url` returns status 200, which shows that a started program is ready.

    Raises UserError if one of the `processes` ends, or if `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not _responds(url):
        processes.check()
        if time.monotonic() > deadline:
            raise UserError(f"{url} did not respond within {seconds:.0f} s. The logs may show why. Try again.")
        time.sleep(0.1)


def _responds(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
