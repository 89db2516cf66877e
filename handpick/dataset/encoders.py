"""Loading of the encoders that `[embed]` chooses: Hugging Face models, and registered versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from handpick.dataset.encoder_registry import EncoderRegistry, read_text_space
from handpick.errors import ConfigurationError
from handpick.night import Night
from handpick.settings.embed import EmbedSettings
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS
from models.encoders.interface import Encoder, EncoderError


class EncoderUnusable(ConfigurationError):
    """A configured encoder cannot be loaded."""


@contextmanager
def stop_on_encoder_error() -> Iterator[None]:
    """Turn an `EncoderError` into a stopped night.

    Raises:
        EncoderUnusable: If the block raises an `EncoderError`.
    """
    try:
        yield
    except EncoderError as error:
        raise EncoderUnusable(
            f"[embed]: {error} No vector was written; the lists published last stay."
        ) from None


def open_registry(night: Night) -> EncoderRegistry:
    """Return the registry in the folder that `[embed] encoders` names."""
    return EncoderRegistry(night.settings.path(night.settings.embed.encoders))


def load_text_part(settings: EmbedSettings, name: str, folder: Path | None = None) -> Encoder[str]:
    """Load one of the text encoders of `[embed] text`.

    Args:
        settings: `[embed]`.
        name: Name of the encoder, as in the settings.
        folder: Folder of the registered version, where the encoder is trained on the shop.

    Raises:
        EncoderError: If it cannot be loaded.
    """
    from models.encoders.text import HuggingFaceTextEncoder

    where, called = (name, None) if folder is None else (str(folder), name)
    return HuggingFaceTextEncoder(
        where, settings.max_tokens, settings.allow_download, settings.device, called
    )


def join_text_parts(parts: Sequence[Encoder[str]]) -> Encoder[str]:
    """Return the only text encoder, or one that concatenates the vectors of several."""
    from models.encoders.text import ConcatenatedTextEncoder

    return parts[0] if len(parts) == 1 else ConcatenatedTextEncoder(parts)


def load_image_encoder(settings: EmbedSettings, folder: Path | None) -> Encoder[Any] | None:
    """Load the image encoder of `[embed] image`.

    Args:
        settings: `[embed]`.
        folder: Folder of the registered version, where the encoder is trained on the shop;
            None without a version.

    Returns:
        None where the encoder is trained on the shop and has no version.

    Raises:
        EncoderError: If it cannot be loaded.
    """
    from models.encoders.cnn import ShopImageEncoder
    from models.encoders.image import HuggingFaceImageEncoder

    if settings.image != SHOP_CNN:
        return HuggingFaceImageEncoder(settings.image, settings.allow_download, settings.device)
    return None if folder is None else ShopImageEncoder(folder, settings.device)


def load_audio_encoder(settings: EmbedSettings, folder: Path | None) -> Encoder[Any] | None:
    """Load the audio encoder of `[embed] audio`; arguments and result are those of `load_image_encoder`.

    Raises:
        EncoderError: If it cannot be loaded.
    """
    from models.encoders.audio import HuggingFaceAudioEncoder
    from models.encoders.bilstm import BiLstmAudioEncoder

    if settings.audio != BILSTM:
        return HuggingFaceAudioEncoder(settings.audio, settings.allow_download, settings.device)
    return None if folder is None else BiLstmAudioEncoder(folder, settings.device)


@dataclass(frozen=True)
class RegisteredEncoders:
    """The configured encoders as registered for one night, each loaded when first read; nothing is trained.

    Reading any of them raises `EncoderUnusable` if it cannot be loaded.

    Args:
        settings: `[embed]`, which names the encoders.
        registry: Where versions of those trained on the shop are.
        logical_date: The night that they serve.
    """

    settings: EmbedSettings
    registry: EncoderRegistry
    logical_date: date

    @cached_property
    def text(self) -> Encoder[str]:
        """The text encoder."""
        with stop_on_encoder_error():
            return join_text_parts(
                [
                    load_text_part(
                        self.settings, name, self._find_folder(name) if name == SHOP_BERT else None
                    )
                    for name in self.settings.text
                ]
            )

    @cached_property
    def specs(self) -> Encoder[Any]:
        """The spec sheet encoder."""
        from models.encoders.specs import SpecsEncoder

        with stop_on_encoder_error():
            return SpecsEncoder.load(self._find_folder(SPECS))

    @cached_property
    def image(self) -> Encoder[Any] | None:
        """The image encoder; None where no version is registered."""
        with stop_on_encoder_error():
            return load_image_encoder(self.settings, self.registry.find_version(SHOP_CNN, self.logical_date))

    @cached_property
    def audio(self) -> Encoder[Any] | None:
        """The audio encoder; None where no version in the text encoder's vector space is registered."""
        with stop_on_encoder_error():
            folder = self.registry.find_version(BILSTM, self.logical_date)
            if self.settings.audio == BILSTM and folder is not None:
                # Its vectors are compared with texts, which a newer text encoder places elsewhere.
                folder = folder if read_text_space(folder) == self.text.fingerprint else None
            return load_audio_encoder(self.settings, folder)

    def _find_folder(self, name: str) -> Path:
        """Return the folder of a version that every night needs."""
        folder = self.registry.find_version(name, self.logical_date)
        if folder is None:
            date = self.logical_date
            raise EncoderError(
                f"no version of {name} in {self.registry.root} serves {date}; `handpick embed --date {date}` "
                "trains one."
            )
        return folder
