"""The encoders that `[embed]` chooses for a night; those that are trained here are trained when there is no version yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from handpick.errors import ConfigurationError
from handpick.stages.embed.precompute import IMAGES, TEXTS, Recalling
from handpick.stages.pretrain.trainer import Trainer, space_of
from models.data import FloatArray
from models.encoders.interface import Encoder, EncoderError
from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS


class EncoderUnusable(ConfigurationError):
    """A configured encoder cannot be loaded."""


@dataclass(frozen=True)
class Encoders:
    """One encoder a modality, loaded (and trained where there is no version yet) when it is asked for.

    Each may raise `EncoderUnusable` if it cannot be loaded, and `NightStopped` if training it fails.
    """

    trainer: Trainer

    @cached_property
    def text(self) -> Encoder[str]:
        """Of texts."""
        with usable():
            return text_encoder(self.trainer)

    @cached_property
    def specs(self) -> Encoder[Any]:
        """Of spec sheets."""
        from models.encoders.specs import SpecsEncoder

        with usable():
            return SpecsEncoder.load(_version(self.trainer, SPECS, self.trainer.specs))

    @cached_property
    def image(self) -> Encoder[Any] | None:
        """Of pictures; None where the shop has none."""
        with usable():
            return _image(self.trainer, lambda: self.text) if self.trainer.has_pictures() else None

    def pictures(self, whose: str) -> Mapping[str, FloatArray]:
        """Vectors that another process made of the pictures of an `item` or a `query`, by the picture's key."""
        ahead = self.trainer.ahead
        made = ahead.of(IMAGES) if ahead is not None and IMAGES in ahead.makes else None
        return made[1][whose] if made is not None else {}

    @cached_property
    def audio(self) -> Encoder[Any] | None:
        """Of sounds, in the text encoder's space; trained again when that is another. None where the shop has none."""
        text = self.text
        with usable():
            return _audio(self.trainer, text) if self.trainer.has_sounds() else None


def one(trainer: Trainer, kind: str) -> Encoder[Any] | None:
    """A copy of the encoder of `text`, `image` or `audio` that serves the night; None where the shop has no such content.

    Raises:
        EncoderUnusable: If it cannot be loaded.
        NightStopped: If it has to be trained, and that fails.
    """
    found: Encoder[Any] | None = getattr(Encoders(trainer), kind)
    return found


def fresh(trainer: Trainer) -> Encoders:
    """The encoders, after training anew every chosen one that is trained here; they take over together.

    Raises:
        EncoderUnusable: If one cannot be loaded.
        NightStopped: If training one fails.
    """
    settings = trainer.night.settings.embed
    with usable(), trainer.versions.together(trainer.first_night):
        trainer.specs()
        if SHOP_BERT in settings.text:
            trainer.text()
        text = text_encoder(trainer)
        if trainer.has_pictures() and settings.image == SHOP_CNN:
            trainer.image(text)
        if trainer.has_sounds() and settings.audio == BILSTM:
            trainer.audio(text)
    return Encoders(trainer)


@contextmanager
def usable() -> Iterator[None]:
    """Turns an encoder's error into a stopped night."""
    try:
        yield
    except EncoderError as error:
        raise EncoderUnusable(
            f"[embed]: {error} No vector was written; the lists published last stay."
        ) from None


def text_encoder(trainer: Trainer) -> Encoder[str]:
    """The configured text encoder, or several side by side."""
    from models.encoders.text import SideBySide

    ahead, parts = trainer.ahead, list[Encoder[str]]()
    for name in trainer.night.settings.embed.text:
        if name == SHOP_BERT:
            parts.append(_loaded(trainer, str(_version(trainer, SHOP_BERT, trainer.text)), SHOP_BERT))
        else:
            part = _loaded(trainer, name)
            parts.append(Recalling(part, ahead) if ahead is not None and TEXTS in ahead.makes else part)
    return parts[0] if len(parts) == 1 else SideBySide(parts)


def without_training(trainer: Trainer) -> list[Encoder[str]]:
    """The configured text encoders that are not trained here."""
    return [_loaded(trainer, name) for name in trainer.night.settings.embed.text if name != SHOP_BERT]


def _loaded(trainer: Trainer, where: str, name: str | None = None) -> Encoder[str]:
    from models.encoders.text import HuggingFaceText

    settings = trainer.night.settings.embed
    return HuggingFaceText(where, settings.max_tokens, settings.allow_download, settings.device, name)


def _image(trainer: Trainer, text: Callable[[], Encoder[str]]) -> Encoder[Any] | None:
    from models.encoders.cnn import ShopCnn
    from models.encoders.image import HuggingFaceImage

    settings, ahead = trainer.night.settings.embed, trainer.ahead
    if settings.image != SHOP_CNN:
        return HuggingFaceImage(settings.image, settings.allow_download, settings.device)
    folder = trainer.versions.serving(SHOP_CNN, trainer.first_night)
    if folder is None:
        is_ahead = ahead is not None and IMAGES in ahead.makes
        folder = trainer.image_made_ahead() if is_ahead else trainer.image(text())
    return None if folder is None else ShopCnn(folder, settings.device)


def _audio(trainer: Trainer, text: Encoder[str]) -> Encoder[Any] | None:
    from models.encoders.audio import HuggingFaceAudio
    from models.encoders.bilstm import BiLstmAudio

    settings = trainer.night.settings.embed
    if settings.audio != BILSTM:
        return HuggingFaceAudio(settings.audio, settings.allow_download, settings.device)
    folder = trainer.versions.serving(BILSTM, trainer.first_night)
    if folder is None or space_of(folder) != text.fingerprint:
        folder = trainer.audio(text)
    return None if folder is None else BiLstmAudio(folder, settings.device)


def _version(trainer: Trainer, name: str, train: Callable[[], Path]) -> Path:
    return trainer.versions.serving(name, trainer.first_night) or train()
