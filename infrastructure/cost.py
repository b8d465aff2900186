"""The command `make cost`, which prints what one document costs: AWS and a fax, from unit prices and counted uses.

The prices are list prices in US dollars without taxes, discounts and free allowances (AWS in us-east-1, Telnyx in the
United States, November 2026). Compare them with your contracts. The uses are rounded up, for a plan that is emailed and
faxed once, opened, signed and closed."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """One kind of paid use for one document, such as a faxed page: the quantity, its `unit`, and the price of one unit.

    The price is in US dollars."""

    service: str
    unit: str
    amount: float
    price: float

    @property
    def cost(self) -> float:
        return self.amount * self.price


MILLION, THOUSAND = 1_000_000, 1_000
AWS: Sequence[Use] = (
    Use("API Gateway", "requests", 30, 3.50 / MILLION),
    Use("Lambda", "invocations", 60, 0.20 / MILLION),
    Use("Lambda", "GB-seconds", 30, 0.0000166667),
    Use("DynamoDB", "write units", 200, 0.625 / MILLION),
    Use("DynamoDB", "read units", 300, 0.125 / MILLION),
    Use("S3", "writes", 20, 0.005 / THOUSAND),
    Use("S3", "reads", 60, 0.0004 / THOUSAND),
    Use("SQS", "requests", 60, 0.40 / MILLION),
    Use("KMS", "RSA signatures", 1, 0.15 / 10_000),
    Use("KMS", "data keys", 60, 0.03 / 10_000),
    Use("SES", "emails", 2, 0.10 / THOUSAND),
    Use("CloudWatch", "GB of logs", 0.0001, 0.50),
)
FAX_PAGE_PRICE, CALL_MINUTE_PRICE = 0.007, 0.005
COVER_PAGES, MINUTES_PER_PAGE = 1, 0.6
STORED_GIGABYTES, STORAGE_PRICE_PER_MONTH = 0.003, 0.023
MONTHS = 12


def fax_uses(pages: int) -> Sequence[Use]:
    """Return the uses of one fax of a document with this number of pages, which also has a cover page."""
    sent = pages + COVER_PAGES
    return (
        Use("Fax carrier", "pages", sent, FAX_PAGE_PRICE),
        Use("Fax carrier", "call minutes", sent * MINUTES_PER_PAGE, CALL_MINUTE_PRICE),
    )


def storage_use(years: int) -> Use:
    """Return the use of storage for one document's files, which stay for so many years."""
    return Use("S3", f"GB-months in {years} years", STORED_GIGABYTES * MONTHS * years, STORAGE_PRICE_PER_MONTH)


def report(pages: int, years: int) -> Iterator[str]:
    """Yield the lines of the report for a document with this number of pages."""
    for title, uses in (("AWS", AWS), ("Storage", (storage_use(years),)), ("Fax", fax_uses(pages))):
        yield from (f"{use.service:<12} {use.amount:>10g} {use.unit:<24} {use.cost:>10.6f} USD" for use in uses)
        yield f"{title + ' per document':<48} {_total(uses):>10.6f} USD"
        yield ""
    together = _total((*AWS, storage_use(years), *fax_uses(pages)))
    yield f"{'Together per document':<48} {together:>10.6f} USD"


def _total(uses: Sequence[Use]) -> float:
    return sum(use.cost for use in uses)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make cost", description="Print what one document costs.")
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--years", type=int, default=7)
    chosen = parser.parse_args(arguments)
    print("\n".join(report(chosen.pages, chosen.years)))


if __name__ == "__main__":
    main()
