"""The trial of the seal of an incoming file, in a forked process with limits of time and memory.

A file that passes the trial can be sealed after the provider's decision: as it is, or from pictures of its pages. A
file that hangs or crashes the later job is refused here, while its sender can still send another one."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.pdf.inspection import refuse
from chalicelib.pdf.models import PdfRefused
from chalicelib.services.pdf_function.sandbox import CpuTimeExceeded, SandboxKilled, limit_cpu_time, run_sandboxed_json

logger = Logger(service="portal", child=True)

SECONDS, PICTURE_SECONDS = 2.0, 3.0
"""The limits of CPU time, for the file as it is and for pictures of its pages. A plan of 200 pages takes 0.2 seconds.

The later job has a multiple of this time."""

MEMORY = 640 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The job has more."""

_PASSED, _FAILED = "passed", "failed"


def check_sealable(data: bytes, *, is_scan: bool) -> None:
    """Raise `PdfRefused` (cannot_be_sealed or certified_no_changes) for a PDF that the later job could not seal."""
    outcome = _try(data, is_scan=is_scan, as_pictures=False, seconds=SECONDS)
    if outcome == _FAILED:
        outcome = _try(data, is_scan=is_scan, as_pictures=True, seconds=PICTURE_SECONDS)
    if outcome == "certified_no_changes":
        raise refuse("certified_no_changes")
    if outcome != _PASSED:
        raise refuse("cannot_be_sealed")


def _try(data: bytes, *, is_scan: bool, as_pictures: bool, seconds: float) -> str:
    """Return `passed`, `failed`, or the code of a refusal that another way of sealing would not change."""
    work = partial(_load_trial(), data, is_scan=is_scan, as_pictures=as_pictures)
    try:
        outcome: str = run_sandboxed_json(partial(_find_outcome, work, seconds), seconds=seconds, memory=MEMORY)
    except SandboxKilled:
        outcome = _FAILED
    if outcome != _PASSED:
        logger.info("trial of the seal", extra={"outcome": outcome, "as_pictures": as_pictures})
    return outcome


def _find_outcome(work: Callable[[], None], seconds: float) -> str:
    try:
        with limit_cpu_time(seconds):
            work()
    except PdfRefused as refusal:
        return refusal.code if refusal.code == "certified_no_changes" else _FAILED
    except (Exception, CpuTimeExceeded):  # noqa: BLE001 - hostile bytes make parsers raise anything
        return _FAILED
    return _PASSED


@cache
def _load_trial() -> Callable[..., Any]:
    """Import the trial with its libraries and fonts, once for all files that this function instance receives."""
    from chalicelib.pdf.signing import trial

    trial.warm_up()
    return trial.try_to_seal
