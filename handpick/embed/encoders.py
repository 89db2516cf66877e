"""The encoders that `[embed]` chooses for a night; those that are trained here are trained when there is no version yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handpick.errors import ConfigurationError
from handpick.pretrain.training import Trainer, space_of
from models.encoders.interface import Encoder, EncoderError
from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS

if TYPE_CHECKING:
    from handpick.settings.embed import EmbedSettings


class EncoderUnusable(ConfigurationError):
    """A configured encoder cannot be loaded."""


@dataclass(frozen=True)
class Encoders:
    """One encoder a modality; None where the shop has nothing of that kind."""

    text: Encoder[str]
    specs: Encoder[Any]
    image: Encoder[Any] | None
    audio: Encoder[Any] | None


def chosen(trainer: Trainer) -> Encoders:
    """The night's encoders; the audio encoder is trained again when the text encoder's space is another.

    Raises:
        EncoderUnusable: If one cannot be loaded.
        NightStopped: If training one fails.
    """
    from models.encoders.specs import SpecsEncoder

    with _usable():
        text = text_encoder(trainer)
        specs = SpecsEncoder.load(_version(trainer, SPECS, trainer.specs))
        settings = trainer.night.settings.embed
        image = _image(trainer, text, settings) if trainer.has_pictures() else None
        audio = _audio(trainer, text, settings) if trainer.has_sounds() else None
    return Encoders(text, specs, image, audio)


def one(trainer: Trainer, kind: str) -> Encoder[Any] | None:
    """A copy of the encoder of `text`, `image` or `audio` that serves the night; None where the shop has no such content.

    Raises:
        EncoderUnusable: If it cannot be loaded.
        NightStopped: If it has to be trained, and that fails.
    """
    settings = trainer.night.settings.embed
    with _usable():
        text = text_encoder(trainer)
        if kind == "text":
            return text
        if kind == "image":
            return _image(trainer, text, settings) if trainer.has_pictures() else None
        return _audio(trainer, text, settings) if trainer.has_sounds() else None


def fresh(trainer: Trainer) -> Encoders:
    """As `chosen`, after training anew every chosen encoder that is trained here; they take over together.

    Raises:
        EncoderUnusable: If one cannot be loaded.
        NightStopped: If training one fails.
    """
    settings = trainer.night.settings.embed
    with _usable(), trainer.versions.together(trainer.first_night):
        trainer.specs()
        if SHOP_BERT in settings.text:
            trainer.text()
        text = text_encoder(trainer)
        if trainer.has_pictures() and settings.image == SHOP_CNN:
            trainer.image(text)
        if trainer.has_sounds() and settings.audio == BILSTM:
            trainer.audio(text)
    return chosen(trainer)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except EncoderError as error:
        raise EncoderUnusable(
            f"[embed]: {error} No vector was written; the lists published last stay."
        ) from None


def text_encoder(trainer: Trainer) -> Encoder[str]:
    """The configured text encoder, or several side by side."""
    from models.encoders.text import HuggingFaceText, SideBySide

    settings = trainer.night.settings.embed
    parts = []
    for name in settings.text:
        where = str(_version(trainer, SHOP_BERT, trainer.text)) if name == SHOP_BERT else name
        known_as = SHOP_BERT if name == SHOP_BERT else None
        parts.append(
            HuggingFaceText(where, settings.max_tokens, settings.allow_download, settings.device, known_as)
        )
    return parts[0] if len(parts) == 1 else SideBySide(parts)


def _image(trainer: Trainer, text: Encoder[str], settings: EmbedSettings) -> Encoder[Any] | None:
    from models.encoders.cnn import ShopCnn
    from models.encoders.image import HuggingFaceImage

    if settings.image != SHOP_CNN:
        return HuggingFaceImage(settings.image, settings.allow_download, settings.device)
    folder = trainer.versions.serving(SHOP_CNN, trainer.first_night) or trainer.image(text)
    return None if folder is None else ShopCnn(folder, settings.device)


def _audio(trainer: Trainer, text: Encoder[str], settings: EmbedSettings) -> Encoder[Any] | None:
    from models.encoders.audio import HuggingFaceAudio
    from models.encoders.bilstm import BiLstmAudio

    if settings.audio != BILSTM:
        return HuggingFaceAudio(settings.audio, settings.allow_download, settings.device)
    folder = trainer.versions.serving(BILSTM, trainer.first_night)
    if folder is None or space_of(folder) != text.fingerprint:
        folder = trainer.audio(text)
    return None if folder is None else BiLstmAudio(folder, settings.device)


def _version(trainer: Trainer, name: str, train: Callable[[], Path]) -> Path:
    return trainer.versions.serving(name, trainer.first_night) or train()
