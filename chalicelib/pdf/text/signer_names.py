"""The name of a signer in words."""


def format_signer(name: str, credential: str, npi: str | None) -> str:
    """Return "NAME, CREDENTIAL, NPI N" without the unknown parts."""
    return ", ".join(part for part in (name, credential, f"NPI {npi}" if npi else "") if part)
