"""Media files are checked only below their root and against limits, before anything decodes them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from handpick.contracts import CONTRACTS
from handpick.lake.media import blank_unusable_media, find_media_problem
from handpick.night import Night
from handpick.settings.validate import ValidateSettings

LIMITS = ValidateSettings(max_image_bytes=100_000, max_audio_seconds=2)


def png_of(width: int, height: int) -> bytes:
    """A PNG's header that claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + checked + struct.pack(">I", 1_000) + b"IDAT"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    import numpy as np
    import soundfile

    media = tmp_path / "landing" / "media"
    (media / "sub").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    Image.new("RGB", (32, 32), "red").save(media / "sub" / "good.jpg")
    whole = (media / "sub" / "good.jpg").read_bytes()
    (media / "text.jpg").write_text("no picture")
    (media / "empty.jpg").write_bytes(b"")
    (media / "huge.jpg").write_bytes(whole + b"\x00" * 200_000)
    (media / "bomb.png").write_bytes(png_of(100_000, 100_000))
    (media / "large.png").write_bytes(png_of(9_000, 9_000))
    (media / "link.png").symlink_to(tmp_path / "secret.png")
    (media / "inside.jpg").symlink_to(media / "sub" / "good.jpg")
    soundfile.write(media / "good.wav", np.zeros(8000), 8000)
    soundfile.write(media / "long.wav", np.zeros(8000 * 3), 8000)
    (media / "cut.wav").write_bytes((media / "good.wav").read_bytes()[:20])
    return media


@pytest.mark.parametrize(
    ("path", "kind", "told"),
    [
        ("sub/good.jpg", "image", None),
        ("inside.jpg", "image", None),
        ("good.wav", "audio", None),
        ("../../secret.png", "image", "image outside the media root"),
        ("sub/../../../secret.png", "image", "image outside the media root"),
        ("/etc/passwd", "image", "image outside the media root"),
        ("https://example.org/a.jpg", "image", "image outside the media root"),
        ("link.png", "image", "image outside the media root"),
        ("none.jpg", "image", "missing image"),
        ("sub", "image", "missing image"),
        ("x" * 900, "image", "missing image"),
        ("empty.jpg", "image", "empty image"),
        ("huge.jpg", "image", "too large image"),
        ("bomb.png", "image", "too large image"),
        ("large.png", "image", "too large image"),
        ("text.jpg", "image", "broken image"),
        ("cut.wav", "audio", "broken audio"),
        ("text.jpg", "audio", "broken audio"),
        ("long.wav", "audio", "too long audio"),
    ],
)
def test_a_media_file_is_usable_or_says_why_not(root: Path, path: str, kind: str, told: str | None) -> None:
    assert find_media_problem(root, path, kind, LIMITS) == told


def test_a_row_goes_on_without_an_unusable_picture_and_a_mended_file_is_looked_at_again(
    root: Path, night: Callable[..., Night]
) -> None:
    schema = CONTRACTS["queries"].arrow_schema()
    paths = ["sub/good.jpg", "text.jpg", None, "text.jpg"]
    columns = {"image_path": paths, "audio_path": [None, "good.wav", None, "cut.wav"]}
    rows = pa.table([pa.array(columns.get(f.name, [None] * 4), f.type) for f in schema], names=schema.names)
    lake = night().lake
    found, lost = blank_unusable_media(lake, root, LIMITS, rows)
    assert found.column("image_path").to_pylist() == ["sub/good.jpg", None, None, None]
    assert found.column("audio_path").to_pylist() == [None, "good.wav", None, None]
    assert lost == {"broken audio": 1, "broken image": 2}
    (root / "text.jpg").write_bytes((root / "sub" / "good.jpg").read_bytes())
    assert blank_unusable_media(lake, root, LIMITS, rows)[1] == {"broken audio": 1}
