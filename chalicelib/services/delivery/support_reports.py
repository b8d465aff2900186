"""The texts of the emails that report an action of support to the addresses of an account."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.account_events import AccountEventType


@dataclass(frozen=True)
class SupportReport:
    """The text of an email about an action of support on an account.

    Support's action may remove an address from the account. An address that the account still has gets `to_owner`, if
    it is set, with the account's username in place of `{username}`. Any other address gets `text`."""

    heading: str
    text: str
    to_owner: str | None = None

    def paragraph(self, *, is_owner: bool, username: str) -> str:
        return self.to_owner.format(username=username) if is_owner and self.to_owner else self.text


SUPPORT_REPORTS: Mapping[str, SupportReport] = {
    AccountEventType.PEOPLE_SEPARATED: SupportReport(
        "Documents were removed from your Provider Portal account",
        (
            "Some documents in your account were addressed to someone else. Support removed them, and new documents "
            "for that person won't appear in your account."
        ),
    ),
    AccountEventType.NAME_CORRECTED: SupportReport(
        "The name in your Provider Portal account was corrected",
        (
            "Support corrected the name in your account. Your next signatures will show the corrected name. Documents "
            "that you have signed stay as they are."
        ),
    ),
    AccountEventType.ADDRESS_RELEASED: SupportReport(
        "An email address was removed from a Provider Portal account",
        (
            "Support removed this email address from an account. Documents sent to this address no longer open in "
            "that account."
        ),
        to_owner=(
            "Support removed one of the email addresses of your account. Documents sent to that address no longer "
            "open in your account. Your username is still {username}."
        ),
    ),
    AccountEventType.ACCOUNT_CLOSED: SupportReport(
        "Your Provider Portal account was closed",
        (
            "Support closed the account with this email address. You can't log in anymore, and your saved signature, "
            "passkeys and two-step login were deleted. Documents that you signed stay signed. To open a document "
            "that is still waiting, use the link in its email and request a code."
        ),
    ),
    AccountEventType.MOVE_STARTED: SupportReport(
        "Your Provider Portal account is being moved",
        (
            "Support started to move your account to another email address. Nothing changes until someone uses the "
            "link that we sent to that address. After that, you can't log in with the old address anymore."
        ),
    ),
    AccountEventType.MOVE_CANCELLED: SupportReport(
        "Your Provider Portal account stays where it is",
        (
            "Support cancelled the move of your account to another email address. The link that we sent to that "
            "address no longer works, and your username stays the same."
        ),
    ),
    AccountEventType.ACCOUNT_MOVED: SupportReport(
        "Your Provider Portal account was moved",
        (
            "The account with this email address was moved to another address, after the reader of that address "
            "opened a link from support. You can't log in with this address anymore, and everyone was logged out."
        ),
        to_owner=(
            "Your account was moved to this email address. Your username is now {username}. Passkeys, two-step login "
            "and the saved signature were deleted, so please set them up again. A clinic's earlier documents appear "
            "once the clinic sends a document to this address."
        ),
    ),
}
"""The texts by the type of the delivery, which is the action of support."""
