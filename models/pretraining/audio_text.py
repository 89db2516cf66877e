"""Contrastive audio–text pretraining: a spoken phrase belongs where the text encoder puts the written one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.data import FloatArray
from models.encoders.audio import BANDS
from models.encoders.bilstm import STACKED, BiLstm, padded
from models.pretraining.config import AudioPretraining
from models.pretraining.info_nce import info_nce
from models.pretraining.loop import Progress, seeded, silent, train


def pretrain_audio(
    heard: Sequence[Tensor],
    texts: FloatArray,
    config: AudioPretraining,
    seed: int,
    progress: Progress = silent,
) -> tuple[BiLstm, list[float]]:
    """A BiLSTM in the text encoder's space, and its losses (AudioCLIP's and CLAP's objective, text side frozen).

    Args:
        heard: `(time, 320)` of each sound, its `bands_of`.
        texts: `(sounds, d) float32` of length 1: what is said in each; equal rows are the same phrase.

    Raises:
        NotFinite: If the loss does not stay finite.
    """
    written = torch.from_numpy(texts)
    same = torch.unique(written, dim=0, return_inverse=True)[1]
    # all texts of a shop point much the same way; what tells them apart is what is left without their mean
    centre = written.mean(0)
    targets = nn.functional.normalize(written - centre, dim=1)
    with seeded(seed) as generator:
        module = BiLstm(texts.shape[1], config.hidden, config.layers)
        batch = min(config.batch, len(heard))

        def loss(step: int) -> Tensor:  # noqa: ARG001
            rows = torch.randperm(len(heard), generator=generator)[:batch]
            frames, lengths = padded([varied(heard[row], generator) for row in rows.tolist()])
            spoken = module(frames, lengths)
            near = (1 - (spoken * nn.functional.normalize(written[rows], dim=1)).sum(1)).mean()
            apart = info_nce(
                nn.functional.normalize(spoken - centre, dim=1), targets[rows], config.temperature, same[rows]
            )
            return apart + near

        steps = config.steps if batch > 1 else 0
        losses = train([module], loss, steps, config.learning_rate, "pretrain audio", progress)
    return module.eval(), losses


def varied(steps: Tensor, generator: torch.Generator) -> Tensor:
    """The same phrase said faster or slower, with a band or a moment missing (Park et al., SpecAugment, 2019)."""
    pace, place, band, louder = torch.rand(4, generator=generator).tolist()
    wanted = max(1, round(len(steps) * (0.85 + 0.3 * pace)))
    said = nn.functional.interpolate(steps.T[None], wanted, mode="linear", align_corners=False)[0].T.clone()
    start = int(place * max(1, len(said) - 2))
    said[start : start + 2] = 0
    frames = said.reshape(len(said), STACKED, BANDS)
    first = int(band * (frames.shape[2] - 5))
    frames[:, :, first : first + 5] = 0
    return said + 0.2 * louder * torch.randn(said.shape, generator=generator)
