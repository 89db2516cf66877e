"""Initial values of phones' identity embeddings: random, or codes from an autoencoder of users' histories."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from models.collaborative.base import find_positions
from models.config import FusionConfig
from models.dataset import Dataset
from models.network.data_signature import DataSignature
from models.pretraining.autoencoder import compute_codes
from models.pretraining.autoencoder_factory import pretrain_rows

INITIAL_SPREAD = 0.1
"""Standard deviation of an identity's first values; the same as of random ones in the item tower."""
ENCODING_BATCH = 1024


def pretrain_identities(
    data: Dataset, signature: DataSignature, config: FusionConfig, seed: int
) -> Tensor | None:
    """Return initial embeddings `(phones with an identity, dim)`; None where they are random.

    Rows are in the order of the signature.

    A phone's code is that of a history with this phone only, less the mean code, scaled to the spread of
    random values. So phones that the same people choose start near each other.

    Raises:
        NonFiniteLoss: If the autoencoder's loss does not stay finite.
    """
    if config.identity_start == "random":
        return None
    history = _build_histories(data, signature)
    rows = config.identity_rows.model_copy(update={"dim": config.dim})
    module = pretrain_rows(config.identity_start, history, rows, seed, is_counts=True)
    alone = sparse.identity(history.shape[1], np.float32, format="csr")
    parts = [
        compute_codes(module, alone[at : at + ENCODING_BATCH].toarray())
        for at in range(0, alone.shape[0], ENCODING_BATCH)
    ]
    identities = np.vstack(parts)
    identities = identities - identities.mean(0)
    return torch.from_numpy(identities * np.float32(INITIAL_SPREAD / max(float(identities.std()), 1e-6)))


def _build_histories(data: Dataset, signature: DataSignature) -> sparse.csr_matrix:
    """Return `(users who chose something, phones with an identity)`, 1 where a user chose a phone."""
    events = data.interactions.positive()
    column = find_positions(np.array(signature.item_ids, dtype=str), data.catalogue.item_ids)[events.item]
    users, row = np.unique(events.user, return_inverse=True)
    matrix = sparse.csr_matrix(
        (np.ones(len(row), np.float32), (row, column)), shape=(len(users), len(signature.item_ids))
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
