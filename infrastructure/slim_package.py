"""Reduction of the packaged zips: without unused files, with compiled modules, and with reproducible bytes.

Small zips shorten cold starts, because every Lambda worker unpacks them before its first response. The modules are
compiled here, because a Lambda function cannot write compiled modules to its disk."""

import compileall
import hashlib
import py_compile
import re
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

# The services that the code has clients of. A test compares this set with the code.
BOTOCORE_SERVICES = frozenset({"dynamodb", "kms", "lambda", "s3", "secretsmanager", "ses", "sns", "sqs", "ssm"})
# Patterns of paths below site-packages that no function imports.
UNUSED = (
    r"[^/]+/(.+/)?tests?/.*",
    r"PIL/_(avif|imagingtk)\..*",
    r"aws_lambda_powertools/(event_handler|utilities/(?!jmespath_utils)[a-z_]+)/.*",
    r"bin/.*",
    r"boto3/(data|examples)/.*",
    r"lxml/.*",
    r"botocore/data/[^/]+/.*/examples-1\.json(\.gz)?",
    r"lxml/(html|includes|isoschematron)/.*",
    r"lxml/objectify\..*",
    r"phonenumbers/(carrierdata|geodata|tzdata)/.*",
    r"phonenumbers/shortdata/region_.*",
    r"pillow\.libs/libavif-.*",
    r"pypdfium2_cli/.*",
    r"uharfbuzz/_harfbuzz_test\..*",
    r".*\.dist-info/RECORD",
    r".*\.(c|h|pxd|pyi|pyx)",
    r"(.*/)?__pycache__/.*",
)
EPOCH = (1980, 1, 1, 0, 0, 0)


def slim(archive: Path) -> None:
    """Rewrite a packaged zip without unused files and with compiled modules, so that Lambda functions start faster.

    The files have a fixed order and fixed dates, so equal content gives equal bytes."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        tree = Path(folder)
        with zipfile.ZipFile(archive) as source:
            source.extractall(tree)
        _remove_unused(tree)
        _compile(tree)
        _write(tree, archive)


def slim_once(archive: Path, cache: Path) -> None:
    """Slim a packaged zip (see `slim`), or copy the earlier result for the same bytes from the folder `cache`."""
    fingerprint = hashlib.sha256(Path(__file__).read_bytes() + archive.read_bytes()).hexdigest()[:16]
    slimmed = cache / f"{fingerprint}-{archive.name}"
    if slimmed.exists():
        shutil.copyfile(slimmed, archive)
        return
    slim(archive)
    cache.mkdir(exist_ok=True)
    for older in cache.glob(f"*-{archive.name}"):
        older.unlink()
    shutil.copyfile(archive, slimmed)


def is_unused(path: str) -> bool:
    """Return True if no Lambda function needs a file of the installed packages, so that the zip leaves it out.

    `path` is relative to site-packages."""
    service = re.match(r"botocore/data/([^/]+)/", path)
    if service:
        return service.group(1) not in BOTOCORE_SERVICES or _matches_unused(path)
    return _matches_unused(path)


def _matches_unused(path: str) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in UNUSED)


def _remove_unused(tree: Path) -> None:
    for packages in tree.glob("python/lib/python*/site-packages"):
        for file in packages.rglob("*"):
            if file.is_file() and is_unused(file.relative_to(packages).as_posix()):
                file.unlink()
    for cache in tree.rglob("__pycache__"):
        shutil.rmtree(cache)


def _compile(tree: Path) -> None:
    # Python must not compare the dates of the sources, because a zip does not preserve them.
    compileall.compile_dir(
        tree,
        quiet=2,
        stripdir=str(tree),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _write(tree: Path, archive: Path) -> None:
    draft = archive.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w") as target:
        for file in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), EPOCH)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            target.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    draft.replace(archive)
