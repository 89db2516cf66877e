"""Media of a night's rows: resolved under the declared root only, and looked at with limits before anything decodes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa

from handpick.contracts import Contract
from handpick.lake import write_parquet
from handpick.night import Night
from handpick.settings.validate import ValidateSettings

MEDIA_COLUMNS = {"image_path": "image", "audio_path": "audio"}


def resolve(root: Path, relative: str) -> Path | None:
    """The file below the root that a path names, or None if it leads out of it (also by a link) or is a URL."""
    if "://" in relative or relative.startswith(("/", "\\", "~")) or "\x00" in relative:
        return None
    real_root = root.resolve()
    path = (real_root / relative).resolve()
    return path if path.is_relative_to(real_root) else None


def problem(root: Path, relative: str, kind: str, limits: ValidateSettings) -> str | None:
    """Why a file cannot be used, or None; only headers are read, so a decompression bomb is never unpacked."""
    path = resolve(root, relative)
    if path is None:
        return f"{kind} outside the media root"
    if not path.is_file():
        return f"missing {kind}"
    size = path.stat().st_size
    if size == 0 or size > (limits.max_image_bytes if kind == "image" else limits.max_audio_bytes):
        return f"empty {kind}" if size == 0 else f"too large {kind}"
    return _image_problem(path, limits) if kind == "image" else _audio_problem(path, limits)


def _image_problem(path: Path, limits: ValidateSettings) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > limits.max_image_pixels:
                return "too large image"
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "broken image"
    return None


def _audio_problem(path: Path, limits: ValidateSettings) -> str | None:
    import soundfile

    try:
        about = soundfile.info(path)
    except (RuntimeError, OSError):
        return "broken audio"
    if about.frames == 0:
        return "empty audio"
    return "too long audio" if about.duration > limits.max_audio_seconds else None


def check_media(night: Night, contract: Contract) -> dict[str, int]:
    """Take unusable media paths out of the night's valid rows; the rows stay.

    Returns:
        Rows that lost a path, by reason.
    """
    columns = [name for name in contract.names if name in MEDIA_COLUMNS]
    if not columns:
        return {}
    table = f"valid/{contract.source}"
    rows = night.lake.read(table, night.logical_date)
    root = night.settings.path(night.settings.lake.media)
    lost: Counter[str] = Counter()
    for name in columns:
        paths = rows.column(name).to_pylist()
        verdicts = {
            path: problem(root, path, MEDIA_COLUMNS[name], night.settings.validate_)
            for path in sorted({*paths} - {None})
        }
        lost.update(verdict for path in paths if path is not None and (verdict := verdicts[path]))
        kept = [None if path is None or verdicts[path] else path for path in paths]
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(kept, pa.string()))
    if lost:
        with night.lake.writing(table, night.logical_date) as folder:
            write_parquet(rows, folder / "part-00000.parquet")
    return dict(sorted(lost.items()))
