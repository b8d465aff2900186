"""Growing delays and quotas against guesses and floods. The counters expire, so nobody is locked out for good."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """A growing delay between attempts, such as guesses of a password.

    The first `free_attempts` need no wait. The next waits are 1, 2, 4… seconds, up to `max_wait`. The counter of
    attempts expires `lifetime` after the last attempt, and then starts again. With `lifetime_per_attempt`, the counter
    expires sooner after few attempts: after this time multiplied by the number of attempts, but at most `lifetime`."""

    name: str
    free_attempts: int
    max_wait: timedelta
    lifetime: timedelta
    lifetime_per_attempt: timedelta | None = None

    def key(self, subject: str) -> str:
        """Return the key of the row that counts the attempts for a subject: an account, an address or a document."""
        return secret_key(SecretKind.THROTTLE, f"{self.name}:{subject}")

    def wait_left(self, count: Secret | None, now: datetime) -> timedelta:
        """Return the time until the next attempt is allowed. Zero or less means now. `count` is the counter's row."""
        if count is None or not count.is_live(now) or count.tries < self.free_attempts:
            return timedelta()
        seconds = min(2.0 ** min(count.tries - self.free_attempts, 30), self.max_wait.total_seconds())
        return (count.last_seen_at or count.created_at) + timedelta(seconds=seconds) - now

    def add_attempt(self, count: Secret | None, subject: str, now: datetime) -> Secret:
        """Return the counter's row after one more attempt, to be stored. `count` is the stored row, if there is one."""
        if count is None or not count.is_live(now):
            return _first(count, self.key(subject), SecretKind.THROTTLE, now, self._lifetime(1))
        tries = count.tries + 1
        expires_at = now + self._lifetime(tries)
        return replace(count, version=count.version + 1, tries=tries, last_seen_at=now, expires_at=expires_at)

    def _lifetime(self, tries: int) -> timedelta:
        if self.lifetime_per_attempt is None:
            return self.lifetime
        return min(self.lifetime, self.lifetime_per_attempt * tries)


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota: at most `limit` uses within `period` after the first use, with `min_interval` between two uses."""

    kind: SecretKind
    limit: int
    period: timedelta
    min_interval: timedelta = timedelta()

    def count_use(self, count: Secret | None, key: str, now: datetime) -> Secret | None:
        """Return the counter's row after one more use, to be stored, or None if the quota forbids another use now."""
        if count is None or not count.is_live(now):
            return _first(count, key, self.kind, now, self.period)
        too_soon = count.last_seen_at is not None and now < count.last_seen_at + self.min_interval
        if too_soon or count.tries >= self.limit:
            return None
        return replace(count, version=count.version + 1, tries=count.tries + 1, last_seen_at=now)


def network(address: str | None) -> str:
    """Return the network whose attempts count together: an IPv4 address, or the /64 network of an IPv6 client."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    return str(ip) if ip.version == 4 else str(ip_network((ip, 64), strict=False))  # noqa: PLR2004 - IP versions


def require_no_wait(*waits: timedelta) -> None:
    """Raise `TooManyRequests`, with the longest of the waits, unless all waits are zero or less."""
    longest = math.ceil(max(wait.total_seconds() for wait in waits))
    minutes, unit = math.ceil(longest / 60), "second" if longest == 1 else "seconds"
    wait = f"{minutes} minutes" if minutes > 1 else f"{longest} {unit}"
    if longest > 0:
        raise TooManyRequests(f"Too many attempts. Please wait {wait}.", retry_after=longest)


def _first(expired: Secret | None, key: str, kind: SecretKind, now: datetime, lifetime: timedelta) -> Secret:
    """Return a new counter that starts at one, which replaces an expired row with the same key, if there is one."""
    return Secret(
        key=key,
        version=expired.version + 1 if expired else 1,
        kind=kind,
        created_at=now,
        expires_at=now + lifetime,
        tries=1,
        last_seen_at=now,
    )
