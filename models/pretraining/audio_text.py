"""Contrastive audio–text pretraining of the BiLSTM: a spoken phrase gets the vector of the written one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.dataset import FloatArray
from models.encoders.audio import BANDS
from models.encoders.bilstm import STACKED_FRAMES, BiLstm, pad_sounds
from models.pretraining.config import AudioPretraining
from models.pretraining.info_nce import compute_info_nce
from models.pretraining.training_loop import StepProgress, hide_progress, minimize_loss, seed_generator


def pretrain_audio(
    sounds: Sequence[Tensor],
    texts: FloatArray,
    config: AudioPretraining,
    seed: int,
    progress: StepProgress = hide_progress,
) -> tuple[BiLstm, list[float]]:
    """Train a BiLSTM in the vector space of a frozen text encoder; return it with its losses, one per step.

    The loss is symmetric InfoNCE between recordings and texts (as in AudioCLIP, Guzhov et al., 2022, and
    CLAP, Elizalde et al., 2023), plus the cosine distance of each recording from its own text.

    Args:
        sounds: `(time, 320) float32` of each recording, from `compute_stacked_bands`.
        texts: `(recordings, d) float32` of length 1, the vector of the phrase in each; equal rows are the
            same phrase.
        config: Sizes and steps.
        seed: Seed of the weights and of the batches.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    written = torch.from_numpy(texts)
    same = torch.unique(written, dim=0, return_inverse=True)[1]
    # All texts of a shop have similar vectors; what distinguishes them is what remains without their mean.
    centre = written.mean(0)
    targets = nn.functional.normalize(written - centre, dim=1)
    with seed_generator(seed) as generator:
        module = BiLstm(texts.shape[1], config.hidden, config.layers)
        batch = min(config.batch, len(sounds))

        def loss(step: int) -> Tensor:  # noqa: ARG001
            rows = torch.randperm(len(sounds), generator=generator)[:batch]
            frames, lengths = pad_sounds([augment_sound(sounds[row], generator) for row in rows.tolist()])
            spoken = module(frames, lengths)  # (batch, d)
            # The contrast alone only orders the vectors; this term keeps them where texts are searched for.
            distance = (1 - (spoken * nn.functional.normalize(written[rows], dim=1)).sum(1)).mean()
            contrast = compute_info_nce(
                nn.functional.normalize(spoken - centre, dim=1), targets[rows], config.temperature, same[rows]
            )
            return contrast + distance

        steps = config.steps if batch > 1 else 0  # one recording has nothing to be contrasted with
        losses = minimize_loss([module], loss, steps, config.learning_rate, "pretrain audio", progress)
    return module.eval(), losses


def augment_sound(steps: Tensor, generator: torch.Generator) -> Tensor:
    """Return a recording with another pace, a masked interval, masked bands and noise.

    Time and frequency masks as in SpecAugment (Park et al., 2019).

    Args:
        steps: `(time, 320)`.
        generator: Draws the variation.

    Returns:
        `(0.85 … 1.15 time, 320)`.
    """
    pace, place, band, louder = torch.rand(4, generator=generator).tolist()
    length = max(1, round(len(steps) * (0.85 + 0.3 * pace)))
    varied = nn.functional.interpolate(steps.T[None], length, mode="linear", align_corners=False)[0].T.clone()
    start = int(place * max(1, len(varied) - 2))
    varied[start : start + 2] = 0  # 160 ms
    frames = varied.reshape(len(varied), STACKED_FRAMES, BANDS)
    first = int(band * (frames.shape[2] - 5))
    frames[:, :, first : first + 5] = 0  # 5 of the 40 mel bands; `frames` is a view of `varied`
    return varied + 0.2 * louder * torch.randn(varied.shape, generator=generator)
