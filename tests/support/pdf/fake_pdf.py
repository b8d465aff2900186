"""The Lambda function `pdf`, which has no AWS rights, run in this process on the files of a test."""

import hashlib
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from chalicelib.adapters import json_codec as codec
from chalicelib.domain.errors import Unavailable
from chalicelib.services.pdf_function.works import REQUESTS, do_work
from chalicelib.services.pdf_requests import SourceLink, UploadLink
from chalicelib.services.ports import StoredFileCorrupt
from tests.support.fakes import FakeFiles

T = TypeVar("T")


@dataclass
class FakeLinks:
    """The files behind the presigned links of a request (`LinkedFiles`), if `FakeFiles` made the links."""

    files: FakeFiles

    def read(self, link: SourceLink) -> bytes:
        data = self.files.find(urlsplit(link.url).path.removeprefix("/"))
        if data is None:
            raise Unavailable("The file could not be read right now.")
        if hashlib.sha256(data).hexdigest() != link.sha256:
            raise StoredFileCorrupt("the file has other bytes than the request says")
        return data

    def write(self, link: UploadLink, data: bytes, content_type: str, *, name: str = "") -> None:
        assert content_type.startswith(link.fields["content_type_prefix"])
        assert len(data) <= int(link.fields["max_bytes"])
        self.files.put(link.fields["key"].replace("${filename}", name), data, content_type)


@dataclass
class FakePdf:
    """A `PdfFunction` that does the function's work (such as page images) in this process. `asked` lists the requests.

    Requests and results pass through JSON, as they do in Lambda."""

    files: FakeFiles
    asked: list[object] = field(default_factory=list)

    def run(self, request: object, result: type[T]) -> T:
        self.asked.append(request)
        read: object = codec.load(REQUESTS[type(request).__name__], codec.dump(request))
        return codec.load(result, codec.dump(do_work(read, FakeLinks(self.files))))
