"""Checksums of a partition's files, stated by who wrote it, so that who reads it notices damage.

`_checksums.json` lists the size and the SHA-256 of every file of a folder, and for Parquet files also that of
the footer, which page checksums do not cover. It is written before the folder gets its name, so that only
partitions of releases without checksums lack it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHECKSUM_FILE = "_checksums.json"
"""Name of the file in its folder; the underscore hides it from readers of Parquet."""
STAGED_FILE = ".tmp-checksums.json"
"""Name of the file while it is written."""
PARQUET_MAGIC = b"PAR1"
FOOTER_TAIL_BYTES = 8
"""Bytes at the end of a Parquet file: the footer's length (4, little-endian) and the magic number (4)."""


@dataclass(frozen=True)
class FileChecksum:
    """What was written into a file.

    Args:
        bytes: Its size.
        sha256: Of its content.
        footer_sha256: Of a Parquet file's footer; empty for other files.
    """

    bytes: int
    sha256: str
    footer_sha256: str = ""


@dataclass(frozen=True)
class Damage:
    """A file that is not what its writer wrote.

    Args:
        path: The file.
        problem: What is wrong with it, to be put after its name.
    """

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path} {self.problem}"


class BrokenChecksums(Exception):
    """A `_checksums.json` that cannot be read, or is itself damaged."""


def write_checksums(folder: Path) -> None:
    """Write the checksums of the files that are in a folder."""
    files = {path.relative_to(folder).as_posix(): asdict(_compute(path)) for path in list_data_files(folder)}
    # The file covers itself, so that its own damage is not taken for damage of others.
    text = json.dumps({"files": files, "sha256": digest_json(files)}, indent=1, sort_keys=True)
    # Renamed when complete: where partitions are adopted, a kill must not leave half of it.
    staged = folder / STAGED_FILE
    staged.write_text(text + "\n")
    staged.replace(folder / CHECKSUM_FILE)


def list_data_files(folder: Path) -> list[Path]:
    """Return the files below a folder in order, without its checksums."""
    own = {folder / CHECKSUM_FILE, folder / STAGED_FILE}
    return sorted(path for path in folder.rglob("*") if path.is_file() and path not in own)


def read_checksums(folder: Path) -> dict[str, FileChecksum] | None:
    """Return the checksums of a folder's files by name, or None if none were written.

    Raises:
        BrokenChecksums: If they are damaged.
    """
    file = folder / CHECKSUM_FILE
    try:
        raw: dict[str, Any] = json.loads(file.read_text())
        if digest_json(raw["files"]) == raw["sha256"]:
            return {name: FileChecksum(**checksum) for name, checksum in raw["files"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise BrokenChecksums(str(file))


def digest_from_checksums(folder: Path) -> str | None:
    """Return the digest of a folder as its checksums state it, equal to `digest_files`; None without them.

    Raises:
        BrokenChecksums: If they are damaged.
    """
    files = read_checksums(folder)
    if files is None:
        return None
    return combine_digests({name: checksum.sha256 for name, checksum in files.items()})


def combine_digests(files: Mapping[str, str]) -> str:
    """Return the SHA-256 over names of files and the SHA-256 of each, in the order of their paths."""
    total = hashlib.sha256()
    # Paths compare by their parts, texts would not.
    for name in sorted(files, key=Path):
        total.update(name.encode())
        total.update(bytes.fromhex(files[name]))
    return total.hexdigest()


def find_damage(folder: Path, *, with_bytes: bool) -> list[Damage]:
    """Return the damaged files of a folder; none where no checksums were written.

    Args:
        folder: The partition.
        with_bytes: Whether all bytes are read; otherwise sizes and Parquet footers are compared.
    """
    try:
        files = read_checksums(folder)
    except BrokenChecksums:
        return [Damage(folder / CHECKSUM_FILE, "is damaged")]
    if files is None:
        return []
    problems = {name: _find_problem(folder / name, checksum, with_bytes) for name, checksum in files.items()}
    found = [Damage(folder / name, problem) for name, problem in problems.items() if problem]
    # A file too many would be read as part of the table.
    extra = [path for path in sorted(folder.glob("*.parquet")) if path.name not in files]
    return [*found, *(Damage(path, "was not written with its partition") for path in extra)]


def _compute(path: Path) -> FileChecksum:
    """Return the checksums of a file."""
    footer = _digest_footer(path) if path.suffix == ".parquet" else ""
    return FileChecksum(path.stat().st_size, digest_file(path), footer)


def _find_problem(path: Path, checksum: FileChecksum, with_bytes: bool) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        size = path.stat().st_size
        if size != checksum.bytes:
            return f"has {size:,} bytes, but {checksum.bytes:,} were written"
        if with_bytes and digest_file(path) != checksum.sha256:
            return "has other bytes than were written"
        if not with_bytes and checksum.footer_sha256 and _digest_footer(path) != checksum.footer_sha256:
            return "has another footer than was written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_footer(path: Path) -> str:
    """Return the SHA-256 of a Parquet file's footer with its length; an empty text where there is none."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size < FOOTER_TAIL_BYTES:
            return ""
        stream.seek(size - FOOTER_TAIL_BYTES)
        length, magic = struct.unpack("<I4s", stream.read(FOOTER_TAIL_BYTES))
        start = size - FOOTER_TAIL_BYTES - length
        if magic != PARQUET_MAGIC or start < 0:
            return ""
        stream.seek(start)
        return hashlib.sha256(stream.read()).hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a JSON value in one canonical spelling."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
