"""Unpacks compressed files: gzip, bzip2, xz, Zstandard, and ZIP archives that hold one file of rows."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

import pyarrow as pa

from handpick.errors import InputError
from handpick.stages.land.spreadsheets import is_spreadsheet

MAGIC_BYTES = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04":
    "ZIP",
}  # fmt: skip
COMPRESSED_SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
MAX_UNPACKED_BYTES = 1 << 36
"""A file that unpacks to more is no table of a shop, but damaged or made to fill the disk."""
CHUNK_BYTES = 1 << 22


def strip_compression(name: str) -> str:
    """Return a file's name without the suffix of its compression."""
    path = PurePath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in COMPRESSED_SUFFIXES else name


def find_compression(head: bytes) -> str:
    """Return the compression that a file's first bytes show; empty for none."""
    return next((kind for magic, kind in MAGIC_BYTES.items() if head.startswith(magic)), "")


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a file itself, or its unpacked content in a temporary file of the name without the suffix.

    Raises:
        InputError: If the file is damaged, encrypted, holds several files, or unpacks to too much.
    """
    with path.open("rb") as stream:
        kind = find_compression(stream.read(8))
    if not kind or (kind == "ZIP" and is_spreadsheet(path)):
        yield path
        return
    with TemporaryDirectory(prefix="handpick-unpack-") as folder:
        try:
            target = _unpack(path, kind, Path(folder))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError,
                NotImplementedError, pa.ArrowException) as error:  # fmt: skip
            reason = (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")
            raise InputError(
                f"{path} cannot be unpacked as {kind}: {reason}. Nothing was landed tonight, and the lists "
                "published before stay current; bring the file again."
            ) from None
        yield target


def _unpack(path: Path, kind: str, folder: Path) -> Path:
    """Unpack a file into a folder and return the new file."""
    target = folder / (PurePath(strip_compression(path.name)).name or "rows")
    if kind == "ZIP":
        with zipfile.ZipFile(path) as archive:
            inner = [entry for entry in archive.infolist() if _is_payload(entry)]
            if len(inner) != 1:
                raise InputError(
                    f"{path} is a ZIP archive of {len(inner)} files, not one file of rows; nothing was "
                    "landed tonight. Unpack it first."
                )
            target = folder / (PurePath(inner[0].filename).name or "rows")
            with archive.open(inner[0]) as packed:
                _copy(packed, target, path)
        return target
    if kind == "zstd":
        with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, "zstd") as packed:
            _copy(cast("IO[bytes]", packed), target, path)
        return target
    openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    opened = openers[kind](path, "rb")
    with opened as packed:
        _copy(cast("IO[bytes]", packed), target, path)
    return target


def _is_payload(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry is a file of the sender's, and not a folder or what macOS adds."""
    name = PurePath(entry.filename)
    return not entry.is_dir() and "__MACOSX" not in name.parts and not name.name.startswith(".")


def _copy(packed: IO[bytes], target: Path, path: Path) -> None:
    """Copy a stream into a file, up to the limit and the free space of the disk."""
    limit = min(MAX_UNPACKED_BYTES, shutil.disk_usage(target.parent).free // 2)
    written = 0
    with target.open("wb") as out:
        while chunk := packed.read(CHUNK_BYTES):
            written += len(chunk)
            if written > limit:
                raise InputError(
                    f"{path} unpacks to more than {limit / 2**30:.0f} GiB; nothing was landed tonight. Bring "
                    "the file again, in parts if it is right."
                )
            out.write(chunk)
