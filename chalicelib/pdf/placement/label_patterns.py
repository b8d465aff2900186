"""Regular expressions for labels: texts and form field names that ask the provider or another person to sign."""

import re
from typing import Literal

LabelKind = Literal["provider", "named", "anybody"]
"""The kind of a label.

- `provider`: the label asks for the provider's signature.
- `named`: the label names the provider's role (*Referring physician*), without the word *signature*.
- `anybody`: the label is only *Signature*."""

_ROLE = (
    r"(?:nurse\s+practitioner|physician(?:['\u2019]?s)?\s+assistant|physician|provider|practitioner|prescriber"
    r"|doctor)(?:['\u2019]?s?['\u2019]?)"
)
_TITLE = r"(?:m\.?d\.?|d\.?o\.?|n\.?p\.?p?\.?|p\.?a\.?(?:-c)?|a\.?p\.?r\.?n\.?|f\.?n\.?p\.?|c\.?n\.?s\.?|d\.?p\.?m\.?)"
# A "treating provider" is often the therapist.
_KIND = r"(?:certifying|referring|attending|ordering|primary\s+care|non-physician|treating(?=\s+(?:physician|doctor)))"
_ONE = rf"(?:{_KIND}\s+)?(?:{_ROLE}|{_TITLE}(?:['\u2019]s)?)"
_WHO = rf"{_ONE}(?:\s*(?:/|,|&|\bor\b|\band\b)\s*{_ONE}){{0,6}}"
_SIGNATURE = r"(?:e-?|electronic\s+)?signature"
_EXTRA = (
    r"(?:credentials?|title|degree|stamp|time|(?:printed\s+|print\s+)?name|npi|licen[sc]e)"
    r"(?:\s*(?:\#|no\.?|number))?"
)
_BEFORE = r"(?:(?:x|\d{1,2}[.)]|[-*\u2022])\s*)?"
_AFTER = (
    rf"(?:\s*\([^)]*\)|\s*(?:[/&,+]|\band\b|\bwith\b)\s*(?:{_EXTRA}|date(?:\s*(?:/|and|&)\s*time)?)"
    r"|\s+(?:line|here)|\s*\*)*"
)
_END = r"\s*[:\u2026]?\s*(?:x\s*|/?\s*date\b.{0,12})?"

_PROVIDER = re.compile(
    rf"{_BEFORE}(?P<words>{_WHO}\s*(?::|\s|/|-|\s(?:printed\s+)?name\s*(?:/|&|and))\s*{_SIGNATURE}"
    rf"|{_SIGNATURE}\s+of\s+(?:the\s+)?{_WHO}"
    rf"|{_SIGNATURE}\s*[-,(]\s*{_WHO}\)?){_AFTER}{_END}",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"{_BEFORE}(?P<words>(?:certifying|referring|ordering)\s+{_ROLE}(?:\s*(?:/|or)\s*{_ROLE})?){_AFTER}{_END}",
    re.IGNORECASE,
)
_ANYBODY = re.compile(rf"{_BEFORE}(?P<words>{_SIGNATURE}){_AFTER}{_END}", re.IGNORECASE)
_PROVIDERS_NAME = re.compile(rf"{_WHO}(?:\s+(?:printed\s+|print\s+)?name)?(?:\s*\([^)]*\))?\s*:.*", re.IGNORECASE)
_KINDS: dict[LabelKind, re.Pattern[str]] = {"provider": _PROVIDER, "named": _NAMED, "anybody": _ANYBODY}
_HINT = re.compile(rf"signature|(?:certifying|referring|ordering)\s+{_ROLE}", re.IGNORECASE)
_OTHERS = (
    r"(?:patient|client|resident|beneficiary|guardian|parent|caregiver|representative|responsible\s+party|witness"
    r"|interpreter|therapist|(?:physical|occupational|speech)\s+therap\w+|(?:evaluating|treating|rendering)\s+\w+"
    r"|clinician|assistant|pta?|ota?|otr|slp|nurse|staff|employee|notary)"
)
_OTHERS_HEAD = re.compile(
    rf"\W*{_OTHERS}(?:['\u2019]?s?['\u2019]?)(?:\W+(?:name|signature|acknowledg\w+|consent|agreement|section|use\b.*"
    rf"|or\W+\w+|{_OTHERS}))*(?:\s*:.*)?\W*",
    re.IGNORECASE,
)
# The dots between the letters (P.T., C.C.C.-S.L.P.) are removed before the match.
_CREDENTIAL = r"(?:(?:ms|t?d|l|r|m|b)?pta?|otd|m?s?ot(?:r|d)?(?:/l)?|cota(?:/l)?|(?:ms)?slp(?:a|d)?|ccc(?:\W{0,2}slp)?)"
_THERAPIST = re.compile(rf",\s*(?:ms,?\s*)?{_CREDENTIAL}(?!\w)", re.IGNORECASE)
_THERAPISTS_NAME = re.compile(
    r"(?:[^:]{1,40}:\s*)?[A-Z][\w'\u2019-]*(?:\s+[A-Z][\w'\u2019-]*){1,3}"
    rf"(?:[\s,/]+(?i:{_CREDENTIAL})(?!\w))+(?:\W.*)?"
)
_ANY_CREDENTIAL = re.compile(rf"(?<!\w){_CREDENTIAL}(?!\w)", re.IGNORECASE)
_DOTS = re.compile(r"(?<=\w)\.|\.(?=\w)")
_FIELD_WHO = re.compile(r"physician|provider|doctor|practitioner|prescriber|\b(?:md|np)\b")
_FIELD_SIGNS = re.compile(
    r"\b(?:e ?)?(?:sign?|sigs)\b|signature"
    r"|(?:physician|provider|doctor|practitioner|prescriber|\bmd|\bnp)s?e?sign?\b"
)
# These roles of providers contain words of other roles: a nurse practitioner is not a nurse.
_FIELD_ROLES = re.compile(r"nurse ?practitioner|physicians? ?(?:s )?assistant|\bpa\b")
_FIELD_PEOPLE = re.compile(
    r"therap|patient|witness|guardian|parent|client|caregiver|clinician|treating|rendering|nurse|staff|assistant"
    r"|representative|relative|resident|spouse|interpreter|notary|employee|designee|delegate"
    r"|\b(?:pta?|ota?|cota|otr|slp|rep|rn|lpn)\b"
)
_FIELD_FACTS = re.compile(r"date|name|npi|title|print|phone|fax")
_NAME_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def may_ask(text: str) -> bool:
    """Return True if a page's text may ask for a signature. This quick test saves the full search of other pages."""
    return _HINT.search(text) is not None


def match_label(text: str) -> tuple[LabelKind, int] | None:
    """Return the kind of a signature label, and the index in the text where the words that ask for the signature end.

    Return None if the whole text is no label, such as a sentence that mentions a signature."""
    for kind, pattern in _KINDS.items():
        match = pattern.fullmatch(text)
        if match is not None:
            return kind, match.end("words")
    return None


def is_providers_name(text: str) -> bool:
    """Return True if the text introduces the provider's name (*Physician: ...*).

    Then a bare *Signature* label in the same row is the provider's. Return False if the text has a therapist's
    credential (such as PT), because a therapist is another signer."""
    is_therapists = _ANY_CREDENTIAL.search(_DOTS.sub("", text)) is not None
    return _PROVIDERS_NAME.fullmatch(text) is not None and not is_therapists


def names_other_signer(text: str) -> bool:
    """Return True if the text names a therapist, the patient, a witness, or another signer who is not the provider."""
    plain = _DOTS.sub("", text)
    return bool(_OTHERS_HEAD.fullmatch(text) or _THERAPIST.search(plain) or _THERAPISTS_NAME.fullmatch(plain))


def field_is_for_provider(name: str, *, is_signature: bool) -> bool:
    """Return True if the name of a form field shows that the field is for the provider's signature.

    `is_signature` is True for a field of the type signature, whose name need not contain a word for signing."""
    parts = _split_name(name)
    if not (_FIELD_WHO.search(parts) or _FIELD_ROLES.search(parts)) or field_is_for_other(name):
        return False
    return _FIELD_FACTS.search(parts) is None and (is_signature or _FIELD_SIGNS.search(parts) is not None)


def field_is_for_other(name: str) -> bool:
    """Return True if a form field of that name may be for another person than the provider, such as the patient."""
    return _FIELD_PEOPLE.search(_FIELD_ROLES.sub("", _split_name(name))) is not None


def field_is_for_fact(name: str) -> bool:
    """Return True if a form field of that name is for a fact (a date, a number or a printed name), not a signature."""
    parts = _split_name(name)
    fact = _FIELD_FACTS.search(parts)
    return fact is not None and (_FIELD_SIGNS.search(parts) is None or "date" in parts)


def _split_name(name: str) -> str:
    """Return the words of a form field's name in lower case: `physicianSig_2` gives "physician sig"."""
    return " ".join(_NAME_PARTS.findall(name)).lower()
