"""Settings of the pretraining objectives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.config import Config, RowsPretraining

__all__ = ["AudioPretraining", "ImagePretraining", "RowsPretraining", "TextPretraining"]

IMAGE_OBJECTIVES = ("image_views", "text_image")
AUDIO_OBJECTIVES = ("audio_text",)
RowsObjective = Literal["autoencoder", "variational"]
ROWS_OBJECTIVES: tuple[RowsObjective, ...] = ("autoencoder", "variational")

TextObjective = Literal["masked_language", "next_sentence", "sentence_contrast"]
TEXT_OBJECTIVES: tuple[TextObjective, ...] = ("masked_language", "next_sentence", "sentence_contrast")
ImageObjective = Literal["image_views", "text_image"]


class TextPretraining(Config):
    """The shop's BERT and its tokenizer, trained on the shop's own text."""

    objectives: tuple[TextObjective, ...] = Field(TEXT_OBJECTIVES, description="Losses that are summed.")
    vocabulary: int = Field(3000, ge=64, description="Maximum number of word pieces of the tokenizer.")
    dim: int = Field(128, ge=8, description="Width of the states and of the vectors.")
    layers: int = Field(2, ge=1, description="Transformer layers.")
    heads: int = Field(4, ge=1, description="Attention heads per layer.")
    max_tokens: int = Field(96, ge=8, description="Longer texts are cut.")
    steps: int = Field(80, ge=0, description="Gradient steps.")
    batch: int = Field(32, ge=2, description="Pairs of sentences per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate of AdamW.")
    masked_share: float = Field(0.15, gt=0, lt=1, description="Share of the tokens that are masked.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the contrast between sentences.")


class ImagePretraining(Config):
    """The shop's convolutional network."""

    objectives: tuple[ImageObjective, ...] = Field(
        ("image_views",),
        description="Losses that are summed; `text_image` needs texts that describe appearance.",
    )
    dim: int = Field(64, ge=8, description="Width of the network's vector.")
    width: int = Field(16, ge=4, description="Channels of the first convolution, a multiple of 4.")
    axes: int = Field(64, ge=1, description="Principal axes that are kept of the fixed features.")
    steps: int = Field(40, ge=0, description="Gradient steps.")
    batch: int = Field(96, ge=2, description="Pictures per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate of AdamW.")
    temperature: float = Field(0.1, gt=0, description="Temperature of the contrasts.")


class AudioPretraining(Config):
    """The BiLSTM, trained to give a spoken phrase the text encoder's vector of the written one."""

    hidden: int = Field(96, ge=8, description="Width of each direction of the LSTM.")
    layers: int = Field(1, ge=1, description="Layers of the LSTM.")
    phrases: int = Field(
        300, ge=2, description="Maximum number of spoken phrases; the most frequent are taken."
    )
    speakers: int = Field(2, ge=1, description="Voices that speak each phrase.")
    steps: int = Field(200, ge=0, description="Gradient steps.")
    batch: int = Field(32, ge=2, description="Sounds per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate of AdamW.")
    temperature: float = Field(0.07, gt=0, description="Temperature of the contrast.")
