"""Test which modules a newly started web function imports for the login page, because imports make visitors wait."""

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


def test_the_login_page_loads_no_table_no_pdf_and_no_cryptography() -> None:
    process = subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(process.stdout))
    assert "chalicelib.web.pages.login_form" in loaded
    assert loaded & NOT_NEEDED == set()
