"""The command `python -m bench.follow_up`: a simulated year of 1,000 documents, with the reminders that follow them up.

It prints faults, such as a message at night, and how many documents were signed by which day. 50 providers and 20
clinics in four time zones send, open, sign and ignore documents. The figures of people's behaviour are rough, so the
results compare steps with one another and predict nothing."""

import os
import time
from collections import Counter
from collections.abc import Sequence

CURVE = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 35)
"""The days whose share of documents is printed."""


def main() -> None:
    # The app's loggers read this variable once, when their modules are imported.
    os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"
    from chalicelib.domain.documents import Document
    from tests.support.worlds.follow_up_checks import days_to, find_faults, find_unreached
    from tests.support.worlds.follow_up_year import Year

    started = time.monotonic()
    year = Year(documents=1000, providers=50, practices=20)
    year.run()
    documents = year.store.every(Document, "documents")
    transmitted = [days_to(document, document.transmitted_at) for document in documents]
    ended = [days_to(document, year.ended.get(document.id)) for document in documents]
    faults = Counter(find_faults(year))
    print(f"{len(documents)} documents, {len(year.messages)} messages in {time.monotonic() - started:.0f} s")
    print("messages:", dict(Counter(f"{message.channel} {message.type}" for message in year.messages)))
    print("transmitted:", _curve(transmitted))
    print("signed or certified:", _curve(ended))
    print("signed after:", dict(Counter(str(step) for step in year.signed_after.values())))
    print("plans with an order that nobody got and nobody calls about on day 7:", len(list(find_unreached(year, 7))))
    print("faults:", dict(faults) or "none")


def _curve(days: Sequence[int | None]) -> str:
    """Return a line such as `day 3: 41%, day 5: 60%`: the share of documents that were done by each day of `CURVE`.

    `days` has one value for each document: the days from its sending until it was done (signed, for example), or None
    for a document that was never done."""
    shares = {limit: sum(day is not None and day <= limit for day in days) / len(days) for limit in CURVE}
    return ", ".join(f"day {limit}: {share:.0%}" for limit, share in shares.items())


if __name__ == "__main__":
    main()
