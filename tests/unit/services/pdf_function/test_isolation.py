"""Test that functions with AWS rights load no library that parses PDFs, even while they work on a stranger's file.

Each function runs in a separate process. The function without rights, which parses the file, runs in another one."""

import json
import subprocess
import sys

import pytest

from infrastructure.repository import ROOT

SETUP = """
import hashlib, json, sys
from dataclasses import replace
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from chalicelib import bootstrap, workers
from chalicelib.adapters import json_codec as codec
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Decision, Sealing, Signer, SigningMethod, StoredPdf
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY
from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
from chalicelib.services.transaction import Job
from infrastructure.local.warm_up import ONE_PAGE
from tests.support.worlds.delivery_world import World
from tests.support.fakes import START
from tests.support.pdf.pdf_process import ProcessPdf

world = World()
world.pdf = world.quick_pdf = ProcessPdf(world.files)
original = StoredPdf(key="originals/1.pdf", sha256=hashlib.sha256(ONE_PAGE).hexdigest(), pages=1)
world.files.put(original.key, ONE_PAGE, "application/pdf")
world.change_document(original=original, pages_ready=None)
bootstrap.install(world)

def run(work, job):
    failed = work({"Records": [{"messageId": "1", "body": codec.dump(job)}]})["batchItemFailures"]
    assert failed == [], failed

def job(name):
    return Job(queue=QueueName.DOCUMENTS, name=name, event_id="e", document_id=world.document.id)

def end(done):
    assert done
    print(json.dumps(sorted(sys.modules)))
"""
PREPARE = """
run(workers.documents, job(JobName.PREPARE))
end(world.document.pages_ready == 1 and world.files.keys("pages/"))
"""
SEAL = """
class Key:
    own = rsa.generate_private_key(65537, 3072)
    def sign(self, digest):
        return self.own.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    def public_key(self):
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.own.public_key().public_bytes(serialization.Encoding.DER, kind)

key = Key()
made = chain.issue_self_signed(key.public_key(), key.sign, name="Seal", serial=1, at=START, years=30)
world.files.put(CURRENT_KEY, chain.write_pem([made]), "application/x-pem-file")
world.sealer_cache = SealerCache(world.files, key, None)
method = SigningMethod.ELECTRONIC
signer = Signer(name="Luis Rivera", credential="MD", npi="1234567893", method=method, authentication="p")
decision = Decision(action=Action.APPROVE, signer=signer, decided_at=START, typed_name="Luis Rivera")
world.change_document(
    status=Status.APPROVED, outcome=Outcome.APPROVED, decision=decision, sealing=Sealing.IN_PROGRESS, broken_pages=()
)
run(workers.documents, job(JobName.SEAL))
end(world.document.sealing is Sealing.SEALED)
"""
FAX = """
row = world.message(Channel.FAX, MessageType.FAX, "+15125550100")
run(workers.deliveries, delivery_job(world.row(row)))
end(b"application/pdf" in world.mailer.sent[0][1])
"""
LOGO = """
picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
made = workers.admin({"action": "set_logo", "practice_id": world.practice.id, "image": picture})
end(made["width"] == 1)
"""
PREVIEW = """
from tests.support.accounts import logged_in, portal_with
from tests.support.provider_fixtures import a_document
portal = portal_with(a_document())
portal.quick_pdf = ProcessPdf(portal.files)
browser = logged_in(portal)
fields = {"signature": "typed", "typed_name": "Luis Rivera"}
shown = browser.post(f"/documents/{a_document().id}/signature", fields)
end(json.loads(shown.body)["picture"])
"""
FORBIDDEN = {"PIL", "pypdf", "pypdfium2", "reportlab", "pyhanko.pdf_utils.reader", "pyhanko.sign"}


@pytest.mark.parametrize("work", [PREPARE, SEAL, FAX, LOGO, PREVIEW], ids=["prepare", "seal", "fax", "logo", "preview"])
def test_a_function_with_rights_loads_no_parser(work: str) -> None:
    command = [sys.executable, "-c", SETUP + work]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    assert set(json.loads(process.stdout.splitlines()[-1])) & FORBIDDEN == set()
