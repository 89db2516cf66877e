"""Blanks a person's id in logs, caches and other texts, in place, so that others may append meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.pipeline.erase.footprint import USER_COLUMN, find_user_lists
from handpick.settings.load import Settings
from handpick.stages.warehouse.public import find_target_folder

TEXTS = {
    ".log",
    ".txt",
    ".json",
    ".jsonl",
    ".html",
    ".csv",
    ".yaml",
    ".sql",
    ".tmp",
    ".lock",
    ".err",
    ".out",
    "",
}
"""Endings of files in which an id is overwritten by as many asterisks."""


def list_state_folders(settings: Settings) -> list[Path]:
    """Return the folders in which Handpick keeps anything, without those that lie in another of them."""
    warehouse, features = settings.path(settings.warehouse.path).parent, settings.features.path
    folders = [
        settings.path(settings.lake.root),
        settings.path(settings.lake.landing),
        settings.path(settings.lake.truth),
        settings.path(settings.airflow.home),
        settings.path(settings.alerts.path),
        settings.path(settings.lineage.file).parent,
        settings.path(settings.embed.encoders),
        settings.path(features),
        settings.path(settings.serving.embedded_path),
        warehouse,
        find_target_folder(settings).parent,
    ]
    if settings.training.tracking:
        folders.append(settings.path(Path(settings.training.tracking)).parent)
    unique = sorted({folder.resolve() for folder in folders if folder.is_dir()})
    return [one for one in unique if not any(one != other and one.is_relative_to(other) for other in unique)]


def blank_texts(settings: Settings, pattern: re.Pattern[bytes]) -> int:
    """Overwrite what the pattern finds in texts outside of tables; return in how many files.

    The bytes of partitions are covered by checksums, and are never changed here.
    """
    changed = 0
    lake, landing = settings.path(settings.lake.root), settings.path(settings.lake.landing)
    for file in _list_files(settings):
        in_partition = file.is_relative_to(lake) and any("logical_date=" in part for part in file.parts)
        is_result = in_partition and "ledger" in file.parts
        if in_partition or is_result or file.is_relative_to(landing) or file.suffix not in TEXTS:
            continue
        try:
            content = file.read_bytes()
        except OSError:
            continue  # a socket, or removed meanwhile
        found = list(pattern.finditer(content))
        if found and b"\x00" not in content[:4096]:
            with file.open("r+b") as stream:
                for one in found:
                    stream.seek(one.start())
                    stream.write(b"*" * len(one.group()))
            changed += 1
    return changed


def search_everything(
    settings: Settings, user_id: str, pattern: re.Pattern[bytes], *, is_unique: bool
) -> tuple[int, int, list[Path]]:
    """Search all bytes of the state for a person: raw bytes, and the columns of Parquet files.

    Args:
        settings: Say where the state is.
        user_id: The person's id.
        pattern: Finds it as a word.
        is_unique: Whether it is part of nobody else's id, so that it may be searched for as bytes, too.

    Returns:
        The number of files and of bytes that were read, and the files in which the person was found.
    """
    files = total = 0
    found = []
    for file in _list_files(settings):
        try:
            content = file.read_bytes()
        except OSError:
            continue
        files, total = files + 1, total + len(content)
        # Between other bytes of a database's page there are no words.
        is_binary = (file.suffix not in TEXTS and file.suffix != ".parquet") or b"\x00" in content[:4096]
        in_bytes = is_binary and is_unique and user_id.encode() in content
        is_named = in_bytes or pattern.search(content)
        if is_named or (file.suffix == ".parquet" and _is_in_columns(file, user_id)):
            found.append(file)
    return files, total, found


def _list_files(settings: Settings) -> Iterator[Path]:
    """Yield the files of the state."""
    for folder in list_state_folders(settings):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _is_in_columns(file: Path, user_id: str) -> bool:
    """Return whether a Parquet file's column of users names the person."""
    try:
        columns = [name for name in (USER_COLUMN,) if name in pq.read_schema(file).names]
        columns += find_user_lists(file)
        rows = pq.read_table(file, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError):
        return False
    texts = [
        pc.list_flatten(one) if pa.types.is_list(one.type) else one.cast(pa.string()) for one in rows.columns
    ]
    return any(pc.any(pc.equal(pc.utf8_trim_whitespace(one), user_id)).as_py() for one in texts)
