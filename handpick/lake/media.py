"""Media of a night's rows: resolved under the declared root only, and looked at with limits before anything decodes them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from handpick.contracts import Contract
from handpick.night import Night
from handpick.settings.validate import ValidateSettings

MEDIA_COLUMNS = {"image_path": "image", "audio_path": "audio"}
CACHE = "media_verdicts.json"


def media_columns(contract: Contract) -> list[str]:
    """Columns of a source that name media files."""
    return [name for name in contract.names if name in MEDIA_COLUMNS]


def resolve(root: Path, relative: str) -> Path | None:
    """The file below the root that a path names, or None if it leads out of it (also by a link) or is a URL."""
    if "://" in relative or "\\" in relative or relative.startswith(("/", "~")) or "\x00" in relative:
        return None
    real_root = root.resolve()
    try:
        path = (real_root / relative).resolve()
    except (OSError, RuntimeError):
        return None
    return path if path.is_relative_to(real_root) else None


def problem(root: Path, relative: str, kind: str, limits: ValidateSettings) -> str | None:
    """Why a file cannot be used, or None; only headers are read, so a decompression bomb is never unpacked.

    Whether every pixel and every sample decodes is known when the file is embedded.
    """
    path = resolve(root, relative)
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
    return _image_problem(path, limits) if kind == "image" else _audio_problem(path, limits)


def _image_problem(path: Path, limits: ValidateSettings) -> str | None:
    import warnings

    from PIL import Image

    try:
        # Pillow warns of large pictures before it refuses larger ones; the limit here is the settings' own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > limits.max_image_pixels:
                    return "too large image"
                image.verify()
    except Image.DecompressionBombError:
        return "too large image"
    except Exception:  # parsers of hostile bytes raise anything; each of it means that the picture is broken
        return "broken image"
    return None


def _audio_problem(path: Path, limits: ValidateSettings) -> str | None:
    import soundfile

    try:
        about = soundfile.info(path)
    except (RuntimeError, OSError, ValueError):
        return "broken audio"
    if about.frames <= 0:
        return "empty audio"
    return "too long audio" if about.duration > limits.max_audio_seconds else None


def without_unusable(night: Night, contract: Contract, rows: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """The valid rows with unusable media paths emptied, and how many lost one, by reason; every row stays.

    Verdicts are kept beside the lake's tables by path, size, time of change and limits, so that a night looks only at
    files that are new or have changed.
    """
    lost: Counter[str] = Counter()
    file = night.lake.root / ".cache" / CACHE
    kept = _read_cache(file)
    before = len(kept)
    for name in media_columns(contract):
        paths = rows.column(name).to_pylist()
        verdicts = {
            path: _verdict(night, path, MEDIA_COLUMNS[name], kept) for path in sorted({*paths} - {None})
        }
        lost.update(verdict for path in paths if path is not None and (verdict := verdicts[path]))
        usable = [None if path is None or verdicts[path] else path for path in paths]
        rows = rows.set_column(
            rows.schema.get_field_index(name), rows.schema.field(name), pa.array(usable, pa.string())
        )
    if len(kept) > before:
        file.parent.mkdir(parents=True, exist_ok=True)
        staged = file.with_suffix(".tmp")
        staged.write_text(json.dumps(kept, indent=0, sort_keys=True))
        staged.replace(file)
    return rows, dict(sorted(lost.items()))


def _verdict(night: Night, relative: str, kind: str, kept: dict[str, str]) -> str | None:
    limits = night.settings.validation
    root = night.settings.path(night.settings.lake.media)
    path = resolve(root, relative)
    try:
        about = path.stat() if path is not None else None
    except (OSError, ValueError):
        about = None
    if about is None:
        return problem(root, relative, kind, limits)
    bounds = (
        (limits.max_image_bytes, limits.max_image_pixels)
        if kind == "image"
        else (limits.max_audio_bytes, limits.max_audio_seconds)
    )
    key = f"{path}|{kind}|{about.st_size}|{about.st_mtime_ns}|{bounds}"
    if key not in kept:
        kept[key] = problem(root, relative, kind, limits) or ""
    return kept[key] or None


def _read_cache(file: Path) -> dict[str, str]:
    try:
        verdicts: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return verdicts
