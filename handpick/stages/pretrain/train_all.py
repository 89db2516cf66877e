"""Trains all encoders that `[embed]` chooses and that learn from the shop's content."""

from __future__ import annotations

from handpick.dataset.encoders import RegisteredEncoders, stop_on_encoder_error
from handpick.stages.pretrain.trainer import EncoderTrainer
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN


def train_encoders(trainer: EncoderTrainer) -> RegisteredEncoders:
    """Train the chosen encoders and register them together, as one set; return the encoders of that set.

    Raises:
        EncoderUnusable: If one cannot be loaded; the set is as before.
        NightStopped: If training one fails; the set is as before.
    """
    settings = trainer.night.settings.embed
    with stop_on_encoder_error(), trainer.registry.transaction(trainer.first_night):
        trainer.fit_specs()
        if SHOP_BERT in settings.text:
            trainer.train_text()
        # Read inside the transaction, so that it is the new text encoder whose vectors the other encoders are
        # trained on.
        text = _registered(trainer).text
        if trainer.has_pictures() and settings.image == SHOP_CNN:
            trainer.train_image(text)
        if trainer.has_sounds() and settings.audio == BILSTM:
            trainer.train_audio(text)
    return _registered(trainer)


def _registered(trainer: EncoderTrainer) -> RegisteredEncoders:
    """Return the encoders as they are registered now."""
    return RegisteredEncoders(trainer.night.settings.embed, trainer.registry, trainer.first_night)
