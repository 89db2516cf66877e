"""Warm start: last night's weights as tonight's initial weights, matched by name."""

from __future__ import annotations

import torch
from torch import Tensor

from models.network.data_signature import DataSignature
from models.network.fusion_network import FusionNetwork

VOCABULARIES = {
    "items.identity.weight": "item_ids",
    "items.bias.weight": "item_ids",
    "items.brand.weight": "brands",
    "users.country.weight": "countries",
    "users.locale.weight": "locales",
}
"""Embedding tables, with the signature's field that names their rows.

All but the phones' tables have a first row for unknown values."""


@torch.no_grad()
def copy_weights(network: FusionNetwork, earlier: FusionNetwork) -> bool:
    """Copy the weights of an earlier network; new phones, brands or countries keep their fresh rows.

    Nothing is copied from a network of another shape, of other encoders or of other features: its numbers
    would mean something else.

    Returns:
        Whether the weights were copied.
    """
    new, old = network.signature, earlier.signature
    if network.config != earlier.config or not has_same_inputs(new, old):
        return False
    weights = earlier.state_dict()
    copied = {}
    for name, fresh in network.state_dict().items():
        vocabulary = VOCABULARIES.get(name)
        if vocabulary is None:
            copied[name] = weights[name]
        else:
            new_words, old_words = getattr(new, vocabulary), getattr(old, vocabulary)
            has_unknown = vocabulary != "item_ids"
            copied[name] = match_rows(fresh, weights[name], new_words, old_words, has_unknown=has_unknown)
    network.load_state_dict(copied)
    return True


def has_same_inputs(new: DataSignature, old: DataSignature) -> bool:
    """Return whether vectors and features mean the same to two networks."""
    return (new.items, new.queries, new.feature_names) == (old.items, old.queries, old.feature_names)


def match_rows(
    fresh: Tensor, old: Tensor, new_words: tuple[str, ...], old_words: tuple[str, ...], has_unknown: bool
) -> Tensor:
    """Return the fresh table with the old rows of all words that both vocabularies have.

    Args:
        fresh: `(new rows, d)`.
        old: `(old rows, d)`.
        new_words: Words of the fresh rows.
        old_words: Words of the old rows.
        has_unknown: Whether row 0 of both stands for unknown words.
    """
    first = int(has_unknown)
    place = {word: row + first for row, word in enumerate(old_words)}
    rows = [(row + first, place[word]) for row, word in enumerate(new_words) if word in place]
    table = fresh.clone()
    if has_unknown:
        table[0] = old[0]
    if rows:
        to, source = torch.tensor(rows).T
        table[to] = old[source].to(table.device)
    return table
