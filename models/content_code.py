"""Content codes: an autoencoder's whitened code of all of an item's modalities together.

In a whitened code every direction in which items differ has the same influence on similarity; in the content
itself, the few directions with the largest variance dominate. New items get a code from their content,
because all that is learned are means and layers.
"""

from __future__ import annotations

import numpy as np

from models.collaborative.base import Arrays
from models.config import CodeKind, RowsPretraining
from models.dataset import BoolArray, Dataset, FloatArray
from models.row_normalisation import normalise_rows

ITEMS_PER_DIMENSION = 8
"""Minimum number of items for each dimension of the code: of fewer items a wider code would fit noise."""
MIN_DIM = 4
"""Width below which no code is learned."""


def fit_content_code(
    data: Dataset, names: list[str], kind: CodeKind, config: RowsPretraining, seed: int
) -> Arrays:
    """Fit the code: means, layers and whitening.

    Args:
        data: Its catalogue has the content.
        names: The catalogue's modalities that are encoded.
        kind: Kind of the autoencoder that learns the code, or `none`.
        config: Settings of the autoencoder; the code is narrower where there are few items.
        seed: Seed of the weights and the corruption.

    Returns:
        Arrays by name; empty for `none`, without content and with too few items.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    if kind == "none" or not names:
        return {}
    values, seen = _concatenate_modalities(data, names)
    known = seen.any(axis=1)
    dim = min(config.dim, int(known.sum()) // ITEMS_PER_DIMENSION)
    if dim < MIN_DIM:
        return {}
    from models.pretraining.autoencoder import compute_codes, export_encoder, fit_whitening
    from models.pretraining.autoencoder_factory import pretrain_rows

    # Items without a modality count neither in its mean nor in its deviation.
    mean = values.mean(axis=0, where=seen)
    scale = 1 / np.maximum(values.std(axis=0, where=seen), 1e-3)
    rows = _standardise(values, seen, mean, scale)[known]
    module = pretrain_rows(kind, rows, config.model_copy(update={"dim": dim}), seed, is_counts=False)
    middle, turn = fit_whitening(compute_codes(module, rows))
    inner, inner_bias, outer, outer_bias = export_encoder(module)
    # Whitening is linear, so it is multiplied into the last layer.
    return {
        "code_mean": mean,
        "code_scale": scale,
        "code_inner": inner,
        "code_inner_bias": inner_bias,
        "code_outer": outer @ turn,
        "code_outer_bias": (outer_bias - middle) @ turn,
    }


def encode_content(arrays: Arrays, data: Dataset, names: list[str]) -> FloatArray | None:
    """Compute the codes of a catalogue's items.

    Args:
        arrays: Learned by `fit_content_code`, among others.
        data: Its catalogue has the content.
        names: The catalogue's modalities that are encoded.

    Returns:
        `(items, dim) float32` rows of length 1, zero for items without content. None where no code was
        learned, or one of content of another width.
    """
    if "code_inner" not in arrays or not names:
        return None
    known = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    values, seen = _concatenate_modalities(data, names)
    if values.shape[1] != len(known["code_mean"]):
        return None
    rows = normalise_rows(_standardise(values, seen, known["code_mean"], known["code_scale"]))
    hidden = np.tanh(rows @ known["code_inner"] + known["code_inner_bias"])
    codes = normalise_rows(hidden @ known["code_outer"] + known["code_outer_bias"])
    return codes * np.asarray(seen.any(axis=1))[:, None]


def _concatenate_modalities(data: Dataset, names: list[str]) -> tuple[FloatArray, BoolArray]:
    """Return the modalities concatenated, and which numbers are present: `(items, width)` each."""
    modalities = [data.catalogue.modalities[name] for name in names]
    values = [modality.values for modality in modalities]
    seen = [np.broadcast_to(one.present[:, None], one.values.shape) for one in modalities]
    return np.hstack(values).astype(np.float32, copy=False), np.hstack(seen)


def _standardise(values: FloatArray, seen: BoolArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Return each column with mean 0 and deviation 1; missing numbers are 0, like the mean."""
    return (values - mean) * scale * seen
