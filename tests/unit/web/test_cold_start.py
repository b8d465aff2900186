"""Test which modules a newly started web function imports, because imports make visitors and the fax carrier wait."""

import json
import subprocess
import sys

from infrastructure.repository import ROOT

LOADS = """
import json, sys
import app
import chalicelib.adapters.secretsmanager_keys
import chalicelib.services.authentication.passkey_options
import chalicelib.web.pages.login_form
print(json.dumps(sorted(sys.modules)))
"""
WEBHOOK_LOADS = """
import json, sys
import chalicelib.adapters.dynamodb_store
import chalicelib.adapters.telnyx_fax_carrier
import chalicelib.web.api.fax_carrier
print(json.dumps(sorted(sys.modules)))
"""
NOT_FOR_THE_WEBHOOK = (
    "chalicelib.services.delivery.",
    "chalicelib.services.returned_faxes.",
    "chalicelib.services.review",
)
NOT_NEEDED = {
    "PIL",
    "argon2",
    "chalicelib.adapters.dynamodb_store",
    "chalicelib.adapters.dynamodb_tables",
    "chalicelib.domain.documents",
    "chalicelib.services.ports",
    "cryptography",
    "pydantic",
    "pyhanko",
    "pynamodb.models",
    "pypdf",
    "pypdfium2",
    "reportlab",
    "webauthn",
    "zxcvbn",
}


def modules_after(imports: str) -> set[str]:
    """Return the names of the modules that are loaded in a new process after these imports."""
    process = subprocess.run([sys.executable, "-c", imports], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(process.stdout))


def test_the_login_page_loads_no_table_no_pdf_and_no_cryptography() -> None:
    loaded = modules_after(LOADS)
    assert "chalicelib.web.pages.login_form" in loaded
    assert loaded & NOT_NEEDED == set()


def test_the_carriers_webhook_loads_nothing_of_the_senders_of_faxes() -> None:
    loaded = modules_after(WEBHOOK_LOADS)
    assert "chalicelib.services.fax_webhooks" in loaded
    assert not {name for name in loaded if name.startswith(NOT_FOR_THE_WEBHOOK)}
