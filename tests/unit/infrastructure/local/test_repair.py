from infrastructure.local.repair import Findings, compare, describe

ORIGINAL = "originals/prc_1/aa.pdf"
SIGNED = "signed/doc_1/bb.pdf"
SCAN = "scans/doc_1/cc"
RECORD = {
    "id": "doc_1",
    "original": {"key": ORIGINAL, "pages": 3},
    "signed": {"key": SIGNED},
    "decision": {"scan_key": SCAN, "strokes": [[[0.1, 0.2]]]},
}
ALL = [ORIGINAL, SIGNED, SCAN, "pages/doc_1/1-800.webp"]


def test_objects_that_a_document_names_are_kept() -> None:
    assert compare({"doc_1": RECORD}, ALL) == Findings((), ())


def test_objects_that_no_document_names_are_orphans() -> None:
    strays = ["originals/prc_1/zz.pdf", "scans/doc_1/zz", "signed/doc_2/zz.pdf"]
    assert compare({"doc_1": RECORD}, [*ALL, *strays]).orphans == tuple(strays)


def test_pages_of_an_unknown_document_are_orphans() -> None:
    assert compare({"doc_1": RECORD}, [*ALL, "pages/doc_2/1-800.webp"]).orphans == ("pages/doc_2/1-800.webp",)


def test_uploads_and_unknown_prefixes_are_left_alone() -> None:
    assert compare({}, ["uploads/x", "exports/y"]) == Findings((), ())


def test_a_missing_object_is_named_with_its_document() -> None:
    assert compare({"doc_1": RECORD}, [ORIGINAL]).missing == (("doc_1", SCAN), ("doc_1", SIGNED))


def test_a_shared_original_is_kept_while_one_document_names_it() -> None:
    other = {"original": {"key": ORIGINAL}}
    assert compare({"doc_2": other}, [ORIGINAL]) == Findings((), ())


def test_the_findings_are_described_in_sentences() -> None:
    assert describe(Findings(("a", "b"), (("doc_1", SIGNED),))) == [
        f"Document doc_1 lacks its object {SIGNED}",
        "Removed 2 stored files of documents that no longer exist",
    ]
    assert describe(Findings((), ())) == ["Files and documents agree"]
