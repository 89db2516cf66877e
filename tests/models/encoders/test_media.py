"""Decoding pictures and sounds: against references, in every format, and from hostile bytes; and the spec sheet encoder."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from models.encoders import audio, image
from models.encoders.interface import UnreadableMedia
from models.encoders.specs import SpecsEncoder


def png(picture: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def smooth(width: int, height: int) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 5, height))
    colours = np.stack([np.sin(x + y), np.cos(2 * x), np.sin(y)], -1)
    return Image.fromarray(((colours + 1) * 127).astype(np.uint8))


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (64, 64), (1000, 260)])
def test_a_picture_is_resized_to_256_and_its_middle_224_kept(size: tuple[int, int]) -> None:
    picture = smooth(*size)
    scale = 256 / min(size)
    width, height = (round(side * scale) for side in size)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - 224) // 2, (height - 224) // 2
    expected = np.asarray(resized.crop((left, top, left + 224, top + 224)), float)
    made = image.decode_image(png(picture))
    assert made.shape == (224, 224, 3)
    assert np.abs(made - expected).mean() < 1.0


def test_pixels_are_normalised_as_imagenet_models_expect() -> None:
    grey = np.full((224, 224, 3), 128, np.uint8)
    told = image.normalize_pixels([grey])[0, :, 0, 0].numpy()
    expected = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert np.allclose(told, expected, atol=1e-6)


def test_a_transparent_picture_lies_on_white() -> None:
    assert (image.decode_image(png(Image.new("RGBA", (300, 300), (10, 20, 30, 0)))) == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "CMYK"])
def test_every_mode_becomes_red_green_blue(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (260, 260)).save(out, "TIFF")
    assert image.decode_image(out.getvalue()).shape == (224, 224, 3)


def test_a_very_long_picture_does_not_explode() -> None:
    assert image.decode_image(png(Image.new("RGB", (20_000, 2)))).shape == (224, 224, 3)


@pytest.mark.parametrize("content", [b"", b"not a picture", png(smooth(300, 300))[:400]])
def test_a_broken_picture_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableMedia, match="image does not decode"):
        image.decode_image(content)


def test_a_picture_beyond_the_limit_is_not_unpacked() -> None:
    with pytest.raises(UnreadableMedia, match="too large image"):
        image.decode_image(png(Image.new("L", (2000, 2000))), max_pixels=1_000_000)


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def encoded(samples: np.ndarray, rate: int, kind: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "rate"), [("WAV", 8000), ("FLAC", 44_100), ("OGG", 48_000), ("MP3", 22_050), ("WAV", 16_000)]
)
def test_any_format_and_rate_becomes_the_same_sound_at_16_khz(kind: str, rate: int) -> None:
    stereo = np.stack([tone(rate), tone(rate)], 1)
    heard = audio.decode_audio(encoded(stereo, rate, kind))
    assert heard.dtype == np.float32
    assert abs(len(heard) - 16_000) < 1600
    strongest = np.abs(np.fft.rfft(heard[2000:14_000])).argmax() * 16_000 / 12_000
    assert abs(strongest - 440) < 3


def test_a_long_sound_is_cut() -> None:
    assert len(audio.decode_audio(encoded(tone(8000, 3), 8000, "WAV"), max_seconds=1)) == 16_000


@pytest.mark.parametrize("content", [b"", b"RIFF....", encoded(tone(8000), 8000, "FLAC")[:60]])
def test_a_broken_sound_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableMedia):
        audio.decode_audio(content)


def test_numbers_that_are_not_finite_are_no_sound() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.array([0.1, np.nan, 0.2] * 999), 16_000, format="WAV", subtype="FLOAT")
    with pytest.raises(UnreadableMedia, match="not finite"):
        audio.decode_audio(out.getvalue())


def test_a_tone_has_the_most_energy_in_the_mel_band_that_holds_it() -> None:
    filters = audio.build_mel_filters().numpy()
    assert filters.shape == (201, 40)
    bands = audio.compute_log_mel(
        np.concatenate([np.zeros(8000), tone(16_000, 0.5, 1000)]).astype(np.float32)
    )
    assert bands.shape[1] == 40
    loudest = int((bands[-5:].mean(0) - bands[:5].mean(0)).argmax())
    assert filters[round(1000 / 40), :].argmax() in range(loudest - 1, loudest + 2)


def test_a_sheet_has_columns_for_missing_and_unseen_values() -> None:
    sheets: list[dict[str, object]] = [
        {"price": 1.0, "os": "A"},
        {"price": 3.0, "os": "a "},
        {"price": None, "os": "B"},
    ]
    encoder = SpecsEncoder.fit(sheets, ["price"], ["os"], ["tags"], buckets=4)
    full, unseen, empty = encoder.encode(
        [{"price": 3.0, "os": "A", "tags": ["red"]}, {"price": 2.0, "os": "Z"}, {}]
    )
    assert full[:4].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert unseen[:4].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert empty[:4].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert np.abs(full[4:]).sum() == 1
    assert not empty[4:].any()
