"""A code of a phone's whole content: what an autoencoder keeps of all modalities together, whitened.

Likeness in such a code gives every trait that phones differ in the same say; in the content itself, the few that vary most
drown the others. New phones get a code from their content, as all that is learned are means and layers.
"""

from __future__ import annotations

import numpy as np

from models.collaborative.base import Arrays
from models.config import CodeKind, RowsPretraining
from models.data import BoolArray, Dataset, FloatArray
from models.normalize import unit_rows

PHONES_A_NUMBER = 8
"""Phones for each number of the code at least: of fewer phones a longer code would tell chance."""
LEAST_DIM = 4


def learned_code(
    data: Dataset, names: list[str], kind: CodeKind, config: RowsPretraining, seed: int
) -> Arrays:
    """Means, layers and whitening; nothing where none is wanted, or there is no content or too few phones.

    Args:
        names: The catalogue's modalities that the code is about.

    Raises:
        NotFinite: If the loss does not stay finite.
    """
    if kind == "none" or not names:
        return {}
    values, seen = _content(data, names)
    known = seen.any(axis=1)
    dim = min(config.dim, int(known.sum()) // PHONES_A_NUMBER)
    if dim < LEAST_DIM:
        return {}
    from models.pretraining.autoencoder import codes, layers, whitening
    from models.pretraining.rows import pretrain_rows

    mean = values.mean(axis=0, where=seen)
    scale = 1 / np.maximum(values.std(axis=0, where=seen), 1e-3)
    rows = _standardised(values, seen, mean, scale)[known]
    module = pretrain_rows(kind, rows, config.model_copy(update={"dim": dim}), seed, is_counts=False)
    middle, turn = whitening(codes(module, rows))
    inner, inner_bias, outer, outer_bias = layers(module)
    return {
        "code_mean": mean,
        "code_scale": scale,
        "code_inner": inner,
        "code_inner_bias": inner_bias,
        "code_outer": outer @ turn,
        "code_outer_bias": (outer_bias - middle) @ turn,
    }


def told_code(arrays: Arrays, data: Dataset, names: list[str]) -> FloatArray | None:
    """`(items, dim)`: codes of length 1, zero for phones without content.

    None where no code was learned, or one of content of another width.
    """
    if "code_inner" not in arrays or not names:
        return None
    known = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    values, seen = _content(data, names)
    if values.shape[1] != len(known["code_mean"]):
        return None
    rows = unit_rows(_standardised(values, seen, known["code_mean"], known["code_scale"]))
    hidden = np.tanh(rows @ known["code_inner"] + known["code_inner_bias"])
    told = unit_rows(hidden @ known["code_outer"] + known["code_outer_bias"])
    return told * np.asarray(seen.any(axis=1))[:, None]


def _content(data: Dataset, names: list[str]) -> tuple[FloatArray, BoolArray]:
    """The modalities side by side, and which numbers are there: `(items, width)` each."""
    modalities = [data.catalogue.modalities[name] for name in names]
    values = [modality.values for modality in modalities]
    seen = [np.broadcast_to(one.present[:, None], one.values.shape) for one in modalities]
    return np.hstack(values).astype(np.float32, copy=False), np.hstack(seen)


def _standardised(values: FloatArray, seen: BoolArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Each column with mean 0 and deviation 1; what is missing is 0, like the mean."""
    return (values - mean) * scale * seen
