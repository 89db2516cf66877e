"""Draws pictures of phones, the only data that show their looks."""

from __future__ import annotations

import colorsys
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from handpick.demo.phones import FINISHES, LAYOUTS

if TYPE_CHECKING:
    from PIL import Image

Color = tuple[int, int, int]


@dataclass(frozen=True)
class PhoneLook:
    """The looks of a phone.

    Hue in radians, roundness from -1.3 (sharp) to 1.3 (round), layout and finish by name.
    """

    hue: float
    roundness: float
    layout: str
    finish: str


def build_look(hue: float, roundness: float, layout: int, finish: int) -> PhoneLook:
    """Return the looks of a phone, given its values in `Phones`."""
    return PhoneLook(float(hue), float(roundness), LAYOUTS[int(layout)], FINISHES[int(finish)])


def draw_picture(look: PhoneLook, side: int, random: np.random.Generator, is_photo: bool = False) -> bytes:
    """Draw the back of a phone as a square JPEG.

    Args:
        look: The looks of the phone.
        side: Width and height in pixels.
        random: Random numbers for the variation between pictures.
        is_photo: Whether to imitate a customer's photo, which is cropped, noisy and off-colour.

    Returns:
        The bytes of the file.
    """
    from PIL import Image, ImageDraw

    shade = int(random.integers(222, 250))
    picture = Image.new("RGB", (side, side), (shade, shade, shade - int(random.integers(0, 10))))
    brush = ImageDraw.Draw(picture)
    half = 0.24 * side * float(random.uniform(0.92, 1.06))
    top, bottom = 0.06 * side + float(random.uniform(0, 3)), 0.94 * side - float(random.uniform(0, 3))
    middle = side / 2 + float(random.uniform(-3, 3))
    box = (middle - half, top, middle + half, bottom)
    corner = (0.13 + 0.11 * look.roundness / 1.3) * side
    # These vary between pictures of one phone; only the hue identifies its colour.
    saturation, lightness = float(random.uniform(0.55, 0.85)), float(random.uniform(0.6, 0.9))
    body = _convert_color(look.hue, saturation, lightness)
    brush.rounded_rectangle(
        box, corner, fill=body, outline=_convert_color(look.hue, saturation, lightness * 0.55), width=2
    )
    _draw_finish(picture, look, box, corner, saturation, lightness)
    _draw_lenses(brush, look.layout, box, side)
    if is_photo:
        picture = _imitate_photo(picture, side, random)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _convert_color(hue: float, saturation: float, lightness: float) -> Color:
    """Convert a hue in radians, a saturation and a lightness to RGB."""
    red, green, blue = colorsys.hsv_to_rgb(hue / (2 * np.pi) % 1.0, saturation, min(lightness, 1.0))
    return int(red * 255), int(green * 255), int(blue * 255)


def _draw_finish(
    picture: Image.Image,
    look: PhoneLook,
    box: tuple[float, float, float, float],
    corner: float,
    saturation: float,
    lightness: float,
) -> None:
    """Paint a gradient or stripes over the body, inside its outline."""
    from PIL import Image, ImageDraw

    if look.finish == "plain":
        return
    side = picture.width
    over = Image.new("RGB", (side, side))
    brush = ImageDraw.Draw(over)
    for y in range(side):
        factor = 0.35 + 0.8 * y / side if look.finish == "gradient" else 0.6 if y * 14 // side % 2 else 1.05
        brush.line((0, y, side, y), fill=_convert_color(look.hue, saturation, lightness * factor))
    mask = Image.new("L", (side, side), 0)
    inner = (box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2)
    ImageDraw.Draw(mask).rounded_rectangle(inner, max(corner - 2, 0), fill=255)
    picture.paste(over, mask=mask)


def _draw_lenses(brush: object, layout: str, box: tuple[float, float, float, float], side: int) -> None:
    """Draw the camera bump: a column, a square of four, one big circle, or a bar across."""
    from PIL import ImageDraw

    assert isinstance(brush, ImageDraw.ImageDraw)
    left, top, right = box[0], box[1], box[2]
    lens, gap = 0.045 * side, 0.115 * side
    dark, glass = (28, 28, 32), (70, 78, 96)
    x, y = left + 0.09 * side, top + 0.1 * side
    spots = {
        "column": [(x, y + gap * row) for row in range(3)],
        "square": [(x + gap * column, y + gap * row) for row in range(2) for column in range(2)],
        "circle": [],
        "bar": [(x + gap * column, y) for column in range(3)],
    }[layout]
    if layout == "circle":
        center, radius = (left + right) / 2, 0.15 * side
        brush.ellipse((center - radius, y - 4, center + radius, y - 4 + 2 * radius), fill=dark)
        spots = [(center, y - 4 + radius)]
    elif layout == "bar":
        brush.rectangle((left + 1, y - 0.07 * side, right - 1, y + 0.07 * side), fill=dark)
    for across, down in spots:
        brush.ellipse(
            (across - lens, down - lens, across + lens, down + lens), fill=glass, outline=dark, width=2
        )


def _imitate_photo(picture: Image.Image, side: int, random: np.random.Generator) -> Image.Image:
    """Crop and tint a picture slightly, and add the noise of a small sensor."""
    from PIL import Image

    cut = [float(random.uniform(0, 0.08)) * side for _ in range(4)]
    picture = picture.crop((int(cut[0]), int(cut[1]), int(side - cut[2]), int(side - cut[3])))
    pixels = np.asarray(picture.resize((side, side)), np.float32)
    pixels = pixels * random.uniform(0.9, 1.08, 3).astype(np.float32)
    pixels += random.normal(0, 9, pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
