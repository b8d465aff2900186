"""Test every limit, lifetime and quota of the app in one table, so that none changes by mistake.

The contract, the pages, `docs/` and the decisions state these values. Change a value there too."""

from datetime import date, time, timedelta
from importlib import import_module
from math import inf
from typing import Any

import pytest

from chalicelib.domain.follow_up.calendar import Hours
from chalicelib.services.throttling import Backoff, Quota

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=number) for number in (1, 60, 3600, 86_400))
MIB = 1024 * 1024

LIMITS: dict[str, dict[str, Any]] = {
    "adapters.webhook_http_client": {
        "MAX_RESPONSE_BYTES": 65_536,
        "_PORTS": {"https": 443, "http": 80},
        "_CHUNK": 8192,
    },
    "domain.account_events": {"RETENTION_YEARS": 6, "RETENTION": 6 * 366 * DAY, "LOGGED_INDIVIDUALLY": 20},
    "domain.carriers.fax_results": {
        "SOON_AFTER": (5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE),
        "PLAINER_AFTER": (5 * MINUTE, 5 * MINUTE),
        "CHECK_AFTER": (10 * MINUTE,),
        "OFFICE_HOUR_TRIES": 3,
    },
    "domain.delivery_attempts": {"LEASE": MINUTE, "REQUEUE_LEASE": 15 * MINUTE},
    "domain.deliveries": {
        "MESSAGE_RETRY_AFTER": (10 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR),
        "WEBHOOK_RETRY_AFTER": (
            5 * SECOND,
            5 * MINUTE,
            30 * MINUTE,
            *(number * HOUR for number in (2, 5, 10, 14, 20, 24, 24, 24)),
        ),
    },
    "domain.expiring_records": {
        "LINK_LIFETIME": 90 * MINUTE,
        "CODE_LIFETIME": 10 * MINUTE,
        "BY_HAND_LIFETIME": HOUR,
        "DRAFT_LIFETIME": HOUR,
        "SESSION_IDLE": 15 * MINUTE,
        "SESSION_LIFETIME": 12 * HOUR,
        "PENDING_LOGIN_LIFETIME": 5 * MINUTE,
        "ENROL_LIFETIME": 15 * MINUTE,
        "REAUTH_AFTER": 15 * MINUTE,
    },
    "domain.certification.rules": {"WINDOW": 30 * DAY, "VERBAL_WINDOW": 14 * DAY},
    "domain.follow_up.calendar": {"EMAIL_HOURS": Hours(time(13), time(17)), "OFFICE_HOURS": Hours(time(8), time(17))},
    "domain.follow_up.progress": {"PERIOD": 30},
    "domain.session_keys": {"MIN_KEY_BYTES": 32, "CACHE_LIFETIME": 5 * MINUTE, "SIGNING_DELAY": 10 * MINUTE},
    "domain.signatures": {"MAX_TEXT": 60_000, "MAX_STROKES": 60, "MAX_POINTS": 1500, "_DIGITS": 4},
    "pdf.models": {"MAX_BYTES": 25 * MIB},
    "services.documents.silent_providers": {"MAX_OPEN": 1000, "MAX_RECENT": 500, "PAGE_SIZE": 100},
    "services.accounts.account_emails": {"MAX_EMAILS": 5},
    "services.accounts.address_codes": {
        "TRIES_PER_SOURCE": 5,
        "TRIES_PER_CODE": 10,
        "CODES_PER_HOUR": (5, HOUR, MINUTE),
        "CODES_PER_DAY": (20, DAY, timedelta()),
    },
    "services.accounts.assistant_list": {
        "MAX_ASSISTANTS": 10,
        "MAX_NAME_CHARS": 100,
        "INVITATIONS_PER_HOUR": (5, HOUR, timedelta(seconds=30)),
        "INVITATIONS_PER_DAY": (20, DAY, timedelta()),
        "_MAX_PRACTICES": 100,
    },
    "services.accounts.assistant_invitations": {"MAX_PROVIDERS": 20},
    "services.accounts.address_transfers": {"MAX_PRACTICES": 35},
    "services.accounts.account_settings": {"RECOVERY_CODES": 10, "MAX_PASSKEY_NAME_CHARS": 40, "_PRACTICES_READ": 3},
    "services.accounts.link_requests": {"LINK_EMAILS": (5, HOUR, MINUTE), "PER_SOURCE": (20, 15 * MINUTE, HOUR)},
    "services.accounts.setup_links": {"_MAX_PENDING_READ": 50},
    "services.authentication.known_devices": {"_MAX_COOKIE_CHARS": 300},
    "services.authentication.passkeys": {"MAX_PASSKEYS": 10, "MAX_RESPONSE_CHARS": 16_384},
    "services.authentication.passkey_challenges": {"LIFETIME": 10 * MINUTE, "_NONCE_BYTES": 16, "_DATE_BYTES": 8},
    "services.authentication.passkey_options": {"_ALGORITHMS": (-7, -8, -257), "_MILLISECONDS": 600_000},
    "services.authentication.password_login": {
        "PER_CLIENT": (5, MINUTE, DAY),
        "PER_CLIENT_UNDER_ATTACK": (1, 15 * MINUTE, DAY),
        "PER_ACCOUNT": (0, timedelta(), 365 * DAY, 90 * DAY),
        "UNDER_ATTACK": (20, timedelta(), DAY),
        "KNOWN_BROWSERS": (0, timedelta(), 365 * DAY),
        "MAX_UNKNOWN_FAILURES": 75,
        "MAX_KNOWN_FAILURES": 20,
        "PER_SOURCE": (30, 15 * MINUTE, HOUR),
        "LOCKOUT_RETRY_SECONDS": 3600,
    },
    "services.authentication.passwords": {
        "MIN_LENGTH": 15,
        "MIN_LENGTH_WITH_SECOND_FACTOR": 8,
        "MAX_LENGTH": 128,
        "PASSES": 1,
        "LANES": 1,
    },
    "services.authentication.second_factor": {"STEP_SECONDS": 30, "CODE_ATTEMPTS": (5, MINUTE, 365 * DAY)},
    "services.authentication.sessions": {"TOUCH_INTERVAL": MINUTE, "_MAX_COOKIE_CHARS": 2048, "_MAX_PRACTICES": 20},
    "services.delivery.delivery_worker": {"LONGEST_SQS_DELAY": 15 * MINUTE},
    "services.delivery.carrier_faxes": {
        "MAX_CARRIER_MEGABYTES": 50,
        "LINK_LIFETIME": HOUR,
        "LINE_BUSY_WAIT": MINUTE,
        "CHECK_AFTER": 10 * MINUTE,
        "LOOK_UP_AFTER": 2 * MINUTE,
        "NEVER_ACCEPTED_AFTER": HOUR,
        "GIVE_UP_AFTER": 6 * HOUR,
    },
    "services.delivery.fax_calls": {
        "COVER_PAGES": 1,
        "RESERVATION": 30 * MINUTE,
        "JOIN_AHEAD": 2 * MINUTE,
        "MAX_FAXES": 10,
        "MAX_PAGES": 350,
    },
    "services.delivery.emails": {"_MAX_PRACTICES": 10},
    "services.delivery.faxes": {"MEGABYTE": MIB, "MAX_PDF_MEGABYTES": 7},
    "services.delivery.outbox_relay": {"SWEEP_AFTER": 2 * MINUTE, "SWEEP_LIMIT": 200},
    "services.reminders.reminder_rows": {"COLLECT_FOR": 10 * MINUTE, "MAX_DOCUMENTS": 100},
    "services.reminders.reminder_stops": {"LINK_LIFETIME": 60 * DAY},
    "services.reminders.reminder_contents": {"MAX_PENDING_READ": 50},
    "services.delivery.recipient_rations": {
        "PER_PRACTICE": 100,
        "IN_TOTAL": 300,
        "LINKS": 20,
        "_PERIOD": DAY,
        "ADDRESS_CODES_PER_ACCOUNT": 5,
        "ADDRESS_CODES": 30,
        "TAKEN_NOTICES": 3,
    },
    "services.delivery.ses_feedback": {"LOOKUP_DELAYS": (5 * SECOND, 90 * SECOND)},
    "services.delivery.webhook_release": {"BATCH": 50},
    "services.delivery.webhooks": {
        "LONG_FAILURE": 5 * DAY,
        "FAILED_EVENTS": 3,
        "GONE": 410,
        "LONGEST_RETRY_AFTER": DAY,
    },
    "services.documents.anchor_job": {"DAYS_BACK": 7, "SHARDS": ("0", "1", "2", "3"), "_PAGE": 100, "_WRITERS": 16},
    "services.documents.document_moves": {"PAGE": 25},
    "services.documents.idempotent_events": {"RESPONSE_LIFETIME": 30 * DAY},
    "services.documents.orphan_cleanup": {"ORPHANED_AFTER": DAY, "BATCH_SIZE": 50},
    "services.documents.staff_reports": {"CLOCK_TOLERANCE": 5 * MINUTE},
    "services.normalization": {
        "MAX_CREDENTIAL_CHARS": 40,
        "MAX_EMAIL_CHARS": 254,
        "MAX_LOCAL_PART_CHARS": 64,
        "MAX_PHONE_CHARS": 40,
        "MAX_URL_CHARS": 2048,
    },
    "services.optimistic_retry": {"MAX_TRIES": 12},
    "services.pagination": {"DEFAULT_LIMIT": 50, "MAX_LIMIT": 100},
    "services.pdf_jobs.page_images": {"WIDTHS": (750, 1500)},
    "services.pdf_function.fax_composition": {"MEMORY": 768 * MIB},
    "services.pdf_function.inspection": {"MAX_FETCHED_BYTES": 26 * MIB, "MEMORY": 640 * MIB},
    "services.pdf_function.page_rendering": {"MEMORY": 512 * MIB, "MAX_BROKEN": 4},
    "services.pdf_function.pictures": {"MEMORY": 256 * MIB},
    "services.pdf_function.release_checks": {"MEMORY": 768 * MIB},
    "services.pdf_function.seal_preparation": {"MEMORY": 1024 * MIB},
    "services.pdf_function.signature_search": {"MEMORY": 512 * MIB},
    "services.pdf_jobs.page_preparation": {"_MAX_IMAGE_BYTES": 32 * MIB, "_MAX_TEXT_BYTES": 32 * MIB},
    "services.pdf_jobs.release_maker": {"MAX_WORK_BYTES": 256 * MIB},
    "services.pdf_requests": {"LINK_SECONDS": 150, "MAX_WORK_BYTES": 256 * MIB},
    "services.pdf_jobs.seal_verification": {
        "MAX_UPLOAD_BYTES": 25 * MIB,
        "UPLOAD_LIFETIME": 15 * MINUTE,
        "_BACKOFF": (30, MINUTE, HOUR),
        "_FORMS": (60, 15 * MINUTE, HOUR),
        "_ALL_FORMS": (1000, HOUR, timedelta()),
    },
    "services.pdf_jobs.sealer_cache": {"CACHE_LIFETIME": 5 * MINUTE},
    "services.practices.admin_actions": {"MAX_NAME_CHARS": 100},
    "services.practices.logos": {"MAX_BYTES": 20_000, "MAX_SIDE": 1000},
    "services.shown_names": {"_MAX_CHARS": 120},
    "services.practices.practices": {"LIVE_KEYS": 2, "OLD_SECRET_LIFETIME": DAY, "MAX_OLD_SECRETS": 4},
    "services.practices.request_authentication": {"MAX_BODY_BYTES": 6 * MIB, "SIGNATURE_TOLERANCE": 5 * MINUTE},
    "services.practices.visibility_report": {
        "PROVIDERS_PER_PAGE": 25,
        "MAX_LISTED": 50,
        "_DOCUMENTS_PER_READ": 100,
        "_CLAIMS_PER_CHANGE": 50,
    },
    "services.review.assistant_acts": {"MAX_REMARK_CHARS": 300},
    "services.review.scans": {"MAX_SCAN_BYTES": 25 * MIB, "UPLOAD_LIFETIME": HOUR},
    "services.review.hand_codes": {
        "FAX_CODE_LIFETIME": 30 * DAY,
        "FAX_CODE_LENGTH": 12,
        "FORMER_FAX_CODE_LENGTH": 8,
        "TRIES_PER_SOURCE": 5,
        "TRIES_PER_CODE": 50,
        "FAX_GUESSES": (10, 30 * SECOND, HOUR),
        "CODES_PER_HOUR": (5, HOUR, MINUTE),
        "CODES_PER_DAY": (20, DAY, timedelta()),
    },
    "services.review.decisions": {"MAX_NOTE": 2000},
    "services.review.fax_documents": {"WRONG_CODES": (1000, HOUR, timedelta())},
    "services.review.page_tokens": {"MAX_TEXT": 16_000, "_BYTES": 12},
    "services.review.past_search": {
        "WINDOW": 25,
        "MAX_WINDOWS": 8,
        "MAX_WORDS": 10,
        "_MAX_UTC_OFFSET": 14 * HOUR,
        "_EARLIEST": date(2000, 1, 1),
        "_LATEST": date(2999, 12, 31),
    },
    "services.review.review": {"PAGE_LENGTH": 25, "MAX_COUNT": 100},
    "services.review.signature_input": {"MAX_NAME": 100},
    "services.review.unsent_drafts": {"MAX_LENGTH": 8000},
    "services.review.visible_documents": {"_MAX_READS": 20},
    "services.scheduling.scheduled_sweep": {
        "OVERDUE_AFTER": MINUTE,
        "SEAL_WITHIN": 15 * MINUTE,
        "SEAL_RETRIES": ((60, 15), (1440, 60), (inf, 1440)),
        "ANCHOR_MINUTE": 10,
        "BATCH_SIZE": 200,
    },
    "web.access_rules": {"MAX_REPORT_BYTES": 65_536},
}


def facts(limit: Any) -> Any:
    """Return a limit of the app in the form of the test's table, for example a delay as its number and times."""
    if isinstance(limit, Backoff):
        per_attempt = [limit.lifetime_per_attempt] if limit.lifetime_per_attempt else []
        return limit.free_attempts, limit.max_wait, limit.lifetime, *per_attempt
    if isinstance(limit, Quota):
        return limit.limit, limit.period, limit.min_interval
    return limit


@pytest.mark.parametrize("module", LIMITS)
def test_a_limit_is_the_one_that_documents_and_pages_state(module: str) -> None:
    found = import_module(f"chalicelib.{module}")
    assert {name: facts(getattr(found, name)) for name in LIMITS[module]} == LIMITS[module]


@pytest.mark.parametrize("module", [name for name in LIMITS if hasattr(import_module(f"chalicelib.{name}"), "logger")])
def test_a_module_logs_with_the_portals_logger(module: str) -> None:
    """Only a child of the portal's logger logs the request's id and removes sensitive values."""
    assert import_module(f"chalicelib.{module}").logger.child is True
