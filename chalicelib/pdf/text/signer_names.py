"""The signer's name, credential and NPI as one line of text."""


def format_signer(name: str, credential: str, npi: str | None) -> str:
    """Return "NAME, CREDENTIAL, NPI N" for the signature block and the certificate, without the unknown parts."""
    return ", ".join(part for part in (name, credential, f"NPI {npi}" if npi else "") if part)
