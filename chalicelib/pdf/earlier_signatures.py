"""The signatures that a file has before the portal seals it, and whether they allow another signature.

A certification is the signature of the file's author. A signature locks the file in one of two ways (ISO 32000-2,
12.7.5.5 and 12.8.2): by its entry `/Reference`, or by the entry `/Lock` of its field."""

from collections.abc import Iterator

from pypdf.generic import DictionaryObject

from chalicelib.pdf.reader import read_array, read_dictionary, read_number, resolve

_NO_CHANGES = 1
"""The permission `/P` that allows no change at all. Without this entry, a signature allows further signatures."""

_FURTHER_SIGNATURES = 2


def is_signed(catalog: DictionaryObject) -> bool:
    """Return True if the file with this catalog has a digital signature or a certification."""
    return any(True for _ in _signatures(catalog))


def forbids_changes(catalog: DictionaryObject) -> bool:
    """Return True if a signature in the file allows no later change, so that nobody can sign the file any more.

    Such a signature has the permission `/P 1`, or it locks all fields: the field of a further signature too."""
    return any(map(_is_locking, (lock for item in _signatures(catalog) for lock in _locks(*item))))


def _signatures(catalog: DictionaryObject) -> Iterator[tuple[DictionaryObject, DictionaryObject]]:
    """Yield each signature of the file with its field. The certification may have no field, so this one is empty."""
    for field, kind in _fields(catalog):
        value = read_dictionary(field.get("/V"))
        if kind == "/Sig" and value:
            yield value, field
    certification = read_dictionary(read_dictionary(catalog.get("/Perms")).get("/DocMDP"))
    if certification:
        yield certification, DictionaryObject()


def _fields(catalog: DictionaryObject) -> Iterator[tuple[DictionaryObject, str]]:
    """Yield each form field with its type, such as `/Sig`, which it may inherit. A field is yielded only once."""
    form = read_dictionary(catalog.get("/AcroForm"))
    pending = [(item, "") for item in read_array(form.get("/Fields"))]
    seen: set[int] = set()
    while pending:
        item, inherited = pending.pop()
        field = read_dictionary(item)
        if id(field) not in seen:
            seen.add(id(field))
            kind = str(resolve(field.get("/FT")) or inherited)
            yield field, kind
            pending.extend((kid, kind) for kid in read_array(field.get("/Kids")))


def _locks(signature: DictionaryObject, field: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield the locks of a signature: the parameters of its references, and the lock of its field."""
    for reference in map(read_dictionary, read_array(signature.get("/Reference"))):
        yield read_dictionary(reference.get("/TransformParams"))
    yield read_dictionary(field.get("/Lock"))


def _is_locking(lock: DictionaryObject) -> bool:
    allowed = read_number(lock.get("/P"), _FURTHER_SIGNATURES)
    return allowed == _NO_CHANGES or str(resolve(lock.get("/Action"))) == "/All" or _excludes_too_little(lock)


def _excludes_too_little(lock: DictionaryObject) -> bool:
    """Return True if the lock spares named fields only, and names none: then it locks every field."""
    return str(resolve(lock.get("/Action"))) == "/Exclude" and not read_array(lock.get("/Fields"))
