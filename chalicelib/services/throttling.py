"""Growing delays between attempts, counted in rows that expire. Nobody is ever locked out for good."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many attempts are `free`; then one second, two, four… up to `longest`, until `forgotten`: earlier
    where `each` attempt is remembered for a while of its own, and all for their sum.
    """

    name: str
    free: int
    longest: timedelta
    forgotten: timedelta
    each: timedelta | None = None

    def key(self, whose: str) -> str:
        """The row that counts for this account, address or document."""
        return secret_key(SecretKind.THROTTLE, f"{self.name}:{whose}")

    def wait(self, count: Secret | None, now: datetime) -> timedelta:
        """How long until the next attempt is let through; zero or less is now."""
        if count is None or not count.live(now) or count.tries < self.free:
            return timedelta()
        seconds = min(2.0 ** min(count.tries - self.free, 30), self.longest.total_seconds())
        return (count.last_seen_at or count.created_at) + timedelta(seconds=seconds) - now

    def counted(self, count: Secret | None, whose: str, now: datetime) -> Secret:
        """The row after one more attempt."""
        if count is None or not count.live(now):
            return Secret(
                key=self.key(whose),
                version=count.version + 1 if count else 1,
                kind=SecretKind.THROTTLE,
                created_at=now,
                expires_at=now + self._kept(1),
                tries=1,
                last_seen_at=now,
            )
        tries = count.tries + 1
        until = now + self._kept(tries)
        return replace(count, version=count.version + 1, tries=tries, last_seen_at=now, expires_at=until)

    def _kept(self, tries: int) -> timedelta:
        return min(self.forgotten, self.each * tries) if self.each else self.forgotten


@dataclass(frozen=True, kw_only=True)
class Ration:
    """At most `most` within `period` of the first, any two of them at least `between` apart."""

    kind: SecretKind
    most: int
    period: timedelta
    between: timedelta = timedelta()

    def counted(self, count: Secret | None, key: str, now: datetime) -> Secret | None:
        """The row after one more, or None when that would be too soon or too many."""
        if count is None or not count.live(now):
            return Secret(
                key=key,
                version=count.version + 1 if count else 1,
                kind=self.kind,
                created_at=now,
                expires_at=now + self.period,
                tries=1,
                last_seen_at=now,
            )
        recent = count.last_seen_at is not None and now < count.last_seen_at + self.between
        if recent or count.tries >= self.most:
            return None
        return replace(count, version=count.version + 1, tries=count.tries + 1, last_seen_at=now)


def check(*waits: timedelta) -> None:
    """Raises `TooManyRequests` when one of the waits is not over."""
    longest = math.ceil(max(each.total_seconds() for each in waits))
    if longest > 0:
        raise TooManyRequests(f"Too many attempts. Please wait {_spoken(longest)}.", retry_after=longest)


def _spoken(seconds: int) -> str:
    minutes, unit = math.ceil(seconds / 60), "second" if seconds == 1 else "seconds"
    return f"{minutes} minutes" if minutes > 1 else f"{seconds} {unit}"
