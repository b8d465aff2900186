"""The form *Send pages back* on the page of a fax, and what a person chose in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from examples.mailbox.fax_damage import DOWN, Damage, Look
from examples.mailbox.handwriting import Writing

MAX_SKEW = 10.0
SIZES = (50.0, 100.0)
"""The smallest and the largest size of a page on the returned sheet, in percent."""

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_STANDARD, FINE = DOWN
RESOLUTIONS: Mapping[str, int] = {"fine": FINE, "standard": _STANDARD}


class Order(StrEnum):
    """The order in which the pages go back."""

    AS_FAXED = "as_faxed"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"


class FormError(Exception):
    """Error for a form that cannot be sent. `field` is the name of the field, and the text says what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class PagesBack:
    """The pages that go back to a clinic, and how. `pages` are numbers of the fax, from 1, in the order of the fax.

    With `breaks_off`, the call ends too early, so that the carrier reports an incomplete fax."""

    to: str
    pages: tuple[int, ...]
    order: Order
    writing: Writing
    damage: Damage
    breaks_off: bool


def read_form(fields: Mapping[str, str], chosen: Sequence[str], pages: int) -> PagesBack:
    """Return what a person chose in the form *Send pages back*.

    `fields` are the fields with one value, `chosen` the numbers of the selected pages, and `pages` is the number of
    pages of the fax. Raises `FormError` for the first field that is wrong."""
    damage = Damage(
        sent=FINE,
        returned=RESOLUTIONS[_read_choice(fields, "resolution", tuple(RESOLUTIONS))],
        size=_read_number(fields, "size", *SIZES) / 100,
        skew=_read_number(fields, "skew", -MAX_SKEW, MAX_SKEW),
        look=Look(_read_choice(fields, "look", tuple(Look))),
        upside_down="upside_down" in fields,
        is_cut="cut" in fields,
    )
    return PagesBack(
        to=_read_fax_number(fields.get("to", "")),
        pages=_read_pages(chosen, pages),
        order=Order(_read_choice(fields, "order", tuple(Order))),
        writing=Writing(_read_choice(fields, "writing", tuple(Writing))),
        damage=damage,
        breaks_off="breaks_off" in fields,
    )


def _read_fax_number(text: str) -> str:
    number = re.sub(r"[\s().-]", "", text)
    if not _NUMBER.fullmatch(number):
        raise FormError("to", "Enter the clinic's return fax with the country code, such as +13125790016.")
    return number


def _read_pages(chosen: Sequence[str], pages: int) -> tuple[int, ...]:
    numbers = tuple(number for number in range(1, pages + 1) if str(number) in chosen)
    if not numbers:
        raise FormError("pages", "Select at least one page.")
    return numbers


def _read_choice(fields: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    value = fields.get(name, allowed[0])
    if value not in allowed:
        raise FormError(name, f"Choose one of: {', '.join(allowed)}.")
    return value


def _read_number(fields: Mapping[str, str], name: str, lowest: float, highest: float) -> float:
    error = FormError(name, f"Enter a number from {lowest:g} to {highest:g}.")
    try:
        value = float(fields.get(name, ""))
    except ValueError:
        raise error from None
    if not lowest <= value <= highest:
        raise error
    return value
