"""The Lambda function `pdf`, which has no AWS rights, run in a separate process, as in Lambda.

The process reads a request and the files of a test as JSON, and prints the result and the files."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.adapters import json_codec as codec
from infrastructure.repository import ROOT
from tests.support.fakes import FakeFiles

T = TypeVar("T")


@dataclass
class ProcessPdf:
    """A `PdfFunction` that does each piece of work in a new process, so that the test's process loads no PDF
    library."""

    files: FakeFiles

    def run(self, request: object, result: type[T]) -> T:
        given = {"work": type(request).__name__, "request": codec.dump(request), "files": _pack(self.files)}
        made = subprocess.run(
            [sys.executable, "-m", "tests.support.pdf.pdf_process"],
            input=json.dumps(given),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(made.stdout.splitlines()[-1])
        self.files.objects.update(_unpack(answer["files"]))
        return codec.load(result, answer["result"])


def _pack(files: FakeFiles) -> dict[str, list[str]]:
    return {key: [b64encode(data).decode(), kind] for key, (data, kind) in files.objects.items()}


def _unpack(packed: dict[str, list[str]]) -> dict[str, tuple[bytes, str]]:
    return {key: (b64decode(data), kind) for key, (data, kind) in packed.items()}


def _answer(given: dict[str, Any]) -> dict[str, Any]:
    from chalicelib.services.pdf_function.works import REQUESTS, do_work
    from tests.support.pdf.fake_pdf import FakeLinks

    files = FakeFiles(_unpack(given["files"]))
    request: object = codec.load(REQUESTS[given["work"]], given["request"])
    return {"result": codec.dump(do_work(request, FakeLinks(files))), "files": _pack(files)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))) + "\n")
