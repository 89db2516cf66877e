"""Warm start: last night's weights in tonight's network, matched by name where the catalogue has changed."""

from __future__ import annotations

import torch
from torch import Tensor

from models.network.data_signature import Signature
from models.network.fusion_network import FusionNetwork

VOCABULARIES = {
    "items.identity.weight": "item_ids",
    "items.bias.weight": "item_ids",
    "items.brand.weight": "brands",
    "users.country.weight": "countries",
    "users.locale.weight": "locales",
}
"""Embedding tables and the vocabulary of their rows; all but the phones' have a first row for what is unknown."""


@torch.no_grad()
def warm_start(network: FusionNetwork, before: FusionNetwork) -> bool:
    """Take over the weights of an earlier network; new phones, brands or countries keep their fresh rows.

    Nothing is taken over from a network of another shape, of other encoders or of other features: its numbers would
    mean something else. The answer tells whether it was.
    """
    mine, theirs = network.signature, before.signature
    if network.config != before.config or not is_alike(mine, theirs):
        return False
    weights = before.state_dict()
    taken = {}
    for name, fresh in network.state_dict().items():
        vocabulary = VOCABULARIES.get(name)
        if vocabulary is None:
            taken[name] = weights[name]
        else:
            new, old = getattr(mine, vocabulary), getattr(theirs, vocabulary)
            taken[name] = matched(fresh, weights[name], new, old, has_unknown=vocabulary != "item_ids")
    network.load_state_dict(taken)
    return True


def is_alike(mine: Signature, theirs: Signature) -> bool:
    """Whether vectors and features mean the same to two networks."""
    return (mine.items, mine.queries, mine.feature_names) == (
        theirs.items,
        theirs.queries,
        theirs.feature_names,
    )


def matched(
    fresh: Tensor, old: Tensor, new_words: tuple[str, ...], old_words: tuple[str, ...], has_unknown: bool
) -> Tensor:
    """The fresh table with the old rows of the words that both know."""
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
