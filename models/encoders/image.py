"""Images: decoding with limits, ImageNet's preprocessing, and any Hugging Face vision encoder."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.dataset import FloatArray
from models.encoders.device import choose_device
from models.encoders.hugging_face import load_model
from models.encoders.interface import EncoderError, UnreadableMedia
from models.encoders.safetensors_loading import digest_model_folder, find_model_folder

Picture: TypeAlias = NDArray[np.uint8]
"""`(224, 224, 3) uint8`, RGB."""

SHORT_SIDE, CROP = 256, 224
"""Pixels of the shorter side after resizing, and of each side of the crop, as in ImageNet's evaluation."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels red, green, blue in [0, 1]."""
BATCH = 32
"""Pictures that are encoded together."""


def decode_image(content: bytes, max_pixels: int = 40_000_000) -> Picture:
    """Decode a picture, resize its shorter side to 256 and crop the middle 224 × 224.

    Transparent pixels become white; the camera's orientation tag is applied.

    Args:
        content: Bytes of a file of any format that Pillow reads.
        max_pixels: Larger pictures are not decoded.

    Returns:
        `(224, 224, 3) uint8`.

    Raises:
        UnreadableMedia: If it does not decode, or has more than `max_pixels`.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as opened:
                if opened.width * opened.height > max_pixels:
                    raise UnreadableMedia("too large image")
                picture = _put_on_white(ImageOps.exif_transpose(opened))
    except UnreadableMedia:
        raise
    # Pillow's decoders raise many kinds of errors on hostile bytes; each means a broken picture.
    except Exception:
        raise UnreadableMedia("image does not decode") from None
    scale = SHORT_SIDE / min(picture.size)
    width, height = (max(SHORT_SIDE, round(side * scale)) for side in picture.size)
    left, top = (width - CROP) // 2, (height - CROP) // 2
    # Only the box that the crop keeps is resized, so that a 20,000 × 2 picture needs no huge buffer.
    box = (left / width, top / height, (left + CROP) / width, (top + CROP) / height)
    region = tuple(part * side for part, side in zip(box, picture.size * 2, strict=True))
    resized = picture.resize((CROP, CROP), Image.Resampling.BICUBIC, box=region)
    return np.asarray(resized, np.uint8)


def _put_on_white(picture: Any) -> Any:
    """Return the picture in RGB, on a white background where it is transparent."""
    from PIL import Image

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def normalize_pixels(
    batch: Sequence[Picture | Tensor],
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Tensor:
    """Return `(n, 3, 224, 224) float32` pixels with each channel standardized.

    Args:
        batch: Pictures `(224, 224, 3) uint8`.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel.
    """
    pixels = (
        torch.stack([one if isinstance(one, Tensor) else torch.tensor(one) for one in batch])
        .permute(0, 3, 1, 2)
        .float()
        / 255
    )
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


class HuggingFaceImageEncoder:
    """A Hugging Face vision model; its vectors have length 1.

    A vector is CLIP's image features, else the model's pooled state, else the mean of its patches.

    Args:
        name_or_path: A folder in Hugging Face's format, or a model in the hub's cache.
        allow_download: Whether the model may be downloaded from the hub.
        device: `auto`, `cpu`, `cuda` or `cuda:1`, see `choose_device`.

    Raises:
        EncoderError: If the model cannot be loaded as an image encoder.
    """

    def __init__(self, name_or_path: str, allow_download: bool = False, device: str = "auto") -> None:
        folder = find_model_folder(name_or_path, allow_download)
        self.model: Any = load_model(folder, name_or_path, "image")
        self.is_clip = hasattr(self.model, "get_image_features")
        if not self.is_clip and self.model.main_input_name != "pixel_values":
            raise EncoderError(f"{name_or_path}: a {self.model.config.model_type} model takes no pictures")
        self.device = choose_device(device)
        self.model = self.model.to(self.device).eval()
        vision = self.model.config.vision_config if self.is_clip else self.model.config
        self.side = int(getattr(vision, "image_size", CROP))
        self.mean, self.std = _read_normalisation(folder)
        # No configuration key holds the width for every kind of model; so it is measured on a blank picture.
        with torch.inference_mode():
            self.dim = int(self._forward(torch.zeros(1, 3, self.side, self.side)).shape[1])
        self.module: nn.Module = self.model
        self.learned_columns, self.settings = (0, self.dim), dict[str, Any]()
        self.name = Path(name_or_path).name
        self.fingerprint = f"{self.name}:{digest_model_folder(folder, SHORT_SIDE, CROP)}"

    @torch.inference_mode()
    def encode(self, batch: Sequence[Picture]) -> FloatArray:
        """Return `(len(batch), dim) float32` of length 1."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        for start in range(0, len(batch), BATCH):
            part = [torch.tensor(one) for one in batch[start : start + BATCH]]
            vectors[start : start + BATCH] = self.vectors(part).cpu().numpy()
        return vectors

    def prepare(self, content: Picture) -> Tensor:
        """Return the picture as a tensor, `(224, 224, 3) uint8`."""
        return torch.tensor(content)

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return `(len(prepared), dim)` of length 1, with gradients."""
        pixels = normalize_pixels(prepared, self.mean, self.std)
        if self.side != CROP:
            pixels = torch.nn.functional.interpolate(
                pixels, self.side, mode="bicubic", antialias=True, align_corners=False
            )
        return self._forward(pixels)

    def save(self, folder: Path) -> None:
        """Write the encoder so that `HuggingFaceImageEncoder(folder)` loads it."""
        self.model.save_pretrained(folder)
        preprocessing = {"image_mean": list(self.mean), "image_std": list(self.std)}
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))

    def _forward(self, pixels: Tensor) -> Tensor:
        """Return vectors `(n, dim)` of length 1 from normalized pixels `(n, 3, side, side)`."""
        pixels = pixels.to(next(self.model.parameters()).device)
        output = self.model.get_image_features(pixel_values=pixels) if self.is_clip else self.model(pixels)
        if not isinstance(output, Tensor):
            pooled = getattr(output, "pooler_output", None)
            output = output.last_hidden_state if pooled is None else pooled
        if output.ndim == 4:
            output = output.flatten(2).transpose(1, 2)  # a convolutional map (n, c, h, w) → (n, h·w, c)
        if output.ndim == 3:
            output = output.mean(1)  # (n, patches, c) → (n, c)
        return torch.nn.functional.normalize(output.float(), dim=1)


def _read_normalisation(folder: Path) -> tuple[Sequence[float], Sequence[float]]:
    """Return the channel means and deviations of the model's training; ImageNet's if not stored."""
    file = folder / "preprocessor_config.json"
    config = json.loads(file.read_text()) if file.is_file() else {}
    return config.get("image_mean") or IMAGENET_MEAN, config.get("image_std") or IMAGENET_STD
