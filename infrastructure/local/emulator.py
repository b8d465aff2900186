"""The local AWS: how MiniStack is started, and in what condition it left its data the last time."""

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
# The emulator's root account; every Lambda has credentials of its own role instead.
ROOT_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
NAME = "aws"
SECONDS_TO_SAVE = 120.0
SECONDS_TO_START = 60.0
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL")


class Condition(enum.Enum):
    """What the last run left behind."""

    FRESH = "there is nothing yet"
    LOST = "killed before it had saved anything"
    SAVED = "stopped cleanly"
    KILLED = "killed before it could save"


def endpoint(port: int) -> str:
    """The URL that AWS clients use."""
    return f"http://127.0.0.1:{port}"


def command(paths: LocalPaths, port: int, *, smtp_port: int, persistent: bool) -> Command:
    """MiniStack with IAM enforced, knowing nothing of the user's own AWS settings.

    Whole mails go to `smtp_port`: the list of sent mail that it keeps has no attachments.
    """
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
    return inherited() | {
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


def inherited() -> dict[str, str]:
    """The few variables of the user's environment that a process of ours is given."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def condition(paths: LocalPaths) -> Condition:
    """What the last run left behind. Raises UserError when a state file cannot be read."""
    saved = sorted(paths.state.glob("*.json"))
    for file in saved:
        _read_state(file)
    if saved:
        return Condition.SAVED if paths.clean_stop.exists() else Condition.KILLED
    return Condition.LOST if any(paths.objects.iterdir()) else Condition.FRESH


def saved_at(paths: LocalPaths) -> str:
    """When the local AWS last saved its state, as local time for a person to read."""
    newest = max(file.stat().st_mtime for file in paths.state.glob("*.json"))
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(newest))


def _read_state(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise UserError(
            f"{file} is damaged ({error}), and the local AWS would start without what was in it. "
            "Put the file back, or run `make clean-local` to remove all local data, then `make run`."
        ) from error


def make_ready(paths: LocalPaths, found: Condition) -> None:
    """Clear what must not survive a restart: old workers' files, stream positions, objects of no state."""
    _replace_with_an_empty_folder(paths.temporary)
    if found is Condition.LOST:
        shutil.rmtree(paths.objects, ignore_errors=True)
        paths.objects.mkdir(parents=True)
    forget_stream_positions(paths)


def _replace_with_an_empty_folder(folder: Path) -> None:
    # Tens of thousands of files: nobody should wait for their removal.
    aside = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    folder.mkdir()
    threading.Thread(target=shutil.rmtree, args=(aside, True), daemon=True).start()


def forget_stream_positions(paths: LocalPaths) -> None:
    """Positions in a table's stream are saved but its records are not: kept, they would hide new records."""
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
    """Wait for MiniStack to answer. Raises UserError when it ends or stays silent."""
    wait_for(f"{endpoint(port)}/_ministack/health", processes, SECONDS_TO_START)


def wait_for(url: str, processes: Processes, seconds: float) -> None:
    """Wait until `url` answers 200. Raises UserError when a process ends or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not _answers(url):
        processes.check()
        if time.monotonic() > deadline:
            raise UserError(f"{url} did not answer within {seconds:.0f} s; the logs may say why. Try again.")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
