"""Typed settings of everything that learns; importing this module imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """Settings: unknown keys are errors, values are checked and then frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FusionConfig(Config):
    """The fusion recommender's shape."""

    fusion: Literal[
        "attention", "concat", "gated", "cross_attention", "late_weighted", "late_vote", "end_to_end"
    ] = Field("attention", description="How modalities become one vector.")
    dim: int = Field(64, ge=8, description="Width of item and user vectors.")


class FamilyConfig(Config):
    """The collaborative, content and hybrid members that are fitted beside the fusion model."""


class TrainingConfig(Config):
    """How the fusion model is trained."""

    device: str = Field("auto", description="`auto` takes a GPU where there is one, else the CPU.")
