"""Makes the zips of a package small, quick to import and the same every time.

Small, because every Lambda worker unpacks them before its first answer; with compiled modules, because a
function's disk cannot be written, so that nothing compiled there would be kept.
"""

import compileall
import hashlib
import py_compile
import re
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

# The services whose clients the code makes; a test compares this with the code.
BOTOCORE_SERVICES = frozenset(
    {"dynamodb", "kms", "lambda", "s3", "secretsmanager", "ses", "sns", "sqs", "ssm"}
)
# What no function imports, as patterns of paths below site-packages.
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
    """Rewrite `archive`: unused files out, compiled modules in, in a fixed order with fixed dates."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        tree = Path(folder)
        with zipfile.ZipFile(archive) as source:
            source.extractall(tree)
        _remove_unused(tree)
        _compile(tree)
        _write(tree, archive)


def slim_once(archive: Path, cache: Path) -> None:
    """Slim `archive`, or take from the folder `cache` what the same bytes were slimmed to before."""
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
    """Whether a path below site-packages is left out of the layer."""
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
    # Unchecked: the sources' dates say nothing once they have been through a zip.
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
