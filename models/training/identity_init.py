"""Where phones' identities begin: at random, or at what an autoencoder of users' histories says of each phone."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from models.collaborative.base import positions
from models.config import FusionConfig
from models.data import Dataset
from models.network.data_signature import Signature
from models.pretraining.autoencoder import codes
from models.pretraining.rows import pretrain_rows

SPREAD = 0.1
"""Standard deviation of an identity's numbers at the start, however it was made."""
AT_ONCE = 1024


def first_identities(data: Dataset, signature: Signature, config: FusionConfig, seed: int) -> Tensor | None:
    """`(phones with an identity, dim)` in the order of the signature; None where they begin at random.

    A phone's code is that of a history which holds this phone and no other, without the mean code and at the spread of
    random ones. Phones that the same people choose so begin near each other.

    Raises:
        NotFinite: If the autoencoder's loss does not stay finite.
    """
    if config.identity_start == "random":
        return None
    history = histories(data, signature)
    rows = config.identity_rows.model_copy(update={"dim": config.dim})
    module = pretrain_rows(config.identity_start, history, rows, seed, is_counts=True)
    alone = sparse.identity(history.shape[1], np.float32, format="csr")
    parts = [codes(module, alone[at : at + AT_ONCE].toarray()) for at in range(0, alone.shape[0], AT_ONCE)]
    told = np.vstack(parts)
    told = told - told.mean(0)
    return torch.from_numpy(told * np.float32(SPREAD / max(float(told.std()), 1e-6)))


def histories(data: Dataset, signature: Signature) -> sparse.csr_matrix:
    """`(users who chose something, phones with an identity)`: 1 where a user chose a phone."""
    events = data.interactions.positive()
    place = positions(np.array(signature.item_ids, dtype=str), data.catalogue.item_ids)[events.item]
    users, row = np.unique(events.user, return_inverse=True)
    matrix = sparse.csr_matrix(
        (np.ones(len(row), np.float32), (row, place)), shape=(len(users), len(signature.item_ids))
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
