"""Media files that rows name: resolves their paths below the media root, and checks them against limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from handpick.lake.kept_facts import read_kept_facts, write_kept_facts
from handpick.lake.partitions import Lake
from handpick.settings.validate import ValidateSettings

MEDIA_COLUMNS = {"image_path": "image", "audio_path": "audio"}
"""Columns that name media files, and the kind of file."""
CACHE_FILE = "media_verdicts.json"


def find_media_columns(names: Iterable[str]) -> list[str]:
    """Return the given column names that name media files, in order."""
    return [name for name in names if name in MEDIA_COLUMNS]


def resolve_media_path(root: Path, relative: str) -> Path | None:
    """Return the file below the root that a path names.

    Args:
        root: The media root.
        relative: The path as a row states it, which is untrusted input.

    Returns:
        None for a URL and for a path that leads out of the root, also by a symbolic link.
    """
    if "://" in relative or "\\" in relative or relative.startswith(("/", "~")) or "\x00" in relative:
        return None
    real_root = root.resolve()
    try:
        path = (real_root / relative).resolve()
    except (OSError, RuntimeError):  # a name too long for the file system; a loop of links
        return None
    return path if path.is_relative_to(real_root) else None


def find_media_problem(root: Path, relative: str, kind: str, limits: ValidateSettings) -> str | None:
    """Return why a media file cannot be used, or None if it can.

    Only headers are read, so a decompression bomb is never unpacked. Whether every pixel and every sample
    decodes is known when the file is encoded.

    Args:
        root: The media root.
        relative: The path as a row states it.
        kind: `image` or `audio`.
        limits: The largest files, pictures (pixels) and recordings (seconds) that are used.
    """
    path = resolve_media_path(root, relative)
    if path is None:
        return f"{kind} outside the media root"
    try:
        if not path.is_file():
            return f"missing {kind}"
        size = path.stat().st_size
    except OSError:
        return f"missing {kind}"
    if size == 0 or size > (limits.max_image_bytes if kind == "image" else limits.max_audio_bytes):
        return f"empty {kind}" if size == 0 else f"too large {kind}"
    return _find_image_problem(path, limits) if kind == "image" else _find_audio_problem(path, limits)


def _find_image_problem(path: Path, limits: ValidateSettings) -> str | None:
    """Return why a picture cannot be used, from its header and checksums, or None."""
    import warnings

    from PIL import Image

    try:
        # Pillow warns of large pictures before it refuses larger ones; the limit here is the settings' own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > limits.max_image_pixels:
                    return "too large image"
                image.verify()
    except Image.DecompressionBombError:
        return "too large image"
    except Exception:  # parsers of untrusted bytes may raise anything; the picture is broken
        return "broken image"
    return None


def _find_audio_problem(path: Path, limits: ValidateSettings) -> str | None:
    """Return why a recording cannot be used, from its header, or None."""
    import soundfile

    try:
        header = soundfile.info(path)
    except (RuntimeError, OSError, ValueError):
        return "broken audio"
    if header.frames <= 0:
        return "empty audio"
    return "too long audio" if header.duration > limits.max_audio_seconds else None


def blank_unusable_media(
    lake: Lake, media_root: Path, limits: ValidateSettings, rows: pa.Table
) -> tuple[pa.Table, dict[str, int]]:
    """Blank the paths of unusable media files; every row stays.

    Results are cached below the lake's root by path, size, time of change and limits, so that a night checks
    only files that are new or have changed.

    Args:
        lake: The lake whose cache is used.
        media_root: The folder that paths are relative to.
        limits: The largest files, pictures and recordings that are used.
        rows: Valid rows of one source; columns named in `MEDIA_COLUMNS` are checked.

    Returns:
        The rows, and how many lost a path, by reason.
    """
    lost: Counter[str] = Counter()
    file = lake.root / ".cache" / CACHE_FILE
    cache = read_kept_facts(file)
    known_count = len(cache)
    for name in find_media_columns(rows.column_names):
        kind, paths = MEDIA_COLUMNS[name], rows.column(name).to_pylist()
        reasons = {
            path: _look_up_problem(media_root, path, kind, limits, cache)
            for path in sorted({*paths} - {None})
        }
        lost.update(reason for path in paths if path is not None and (reason := reasons[path]))
        usable = [None if path is None or reasons[path] else path for path in paths]
        rows = rows.set_column(
            rows.schema.get_field_index(name), rows.schema.field(name), pa.array(usable, pa.string())
        )
    if len(cache) > known_count:
        write_kept_facts(file, cache)
    return rows, dict(sorted(lost.items()))


def _look_up_problem(
    root: Path, relative: str, kind: str, limits: ValidateSettings, cache: dict[str, str]
) -> str | None:
    """Return why a file cannot be used, or None; looked up in the cache, and added to it where missing."""
    path = resolve_media_path(root, relative)
    try:
        status = path.stat() if path is not None else None
    except (OSError, ValueError):
        status = None
    if status is None:  # not cached: the file may appear before the next night
        return find_media_problem(root, relative, kind, limits)
    bounds = (
        (limits.max_image_bytes, limits.max_image_pixels)
        if kind == "image"
        else (limits.max_audio_bytes, limits.max_audio_seconds)
    )
    key = f"{path}|{kind}|{status.st_size}|{status.st_mtime_ns}|{bounds}"
    if key not in cache:
        cache[key] = find_media_problem(root, relative, kind, limits) or ""
    return cache[key] or None
