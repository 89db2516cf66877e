"""The rule `generation`: no earlier generation of a model line than the one that the user owns."""

import numpy as np
from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> sparse.csr_matrix:
    """Find the phones of a line of which the user owns a later generation: `(users, items)`."""
    items = len(shop.data.catalogue)
    # A line is identified by brand and name: two brands may use the same name.
    lines, line = np.unique(
        np.char.add(np.char.add(shop.data.catalogue.brand, "\t"), shop.model_line), return_inverse=True
    )
    known = (shop.model_line != "") & np.isfinite(shop.generation)
    older_than = sparse.lil_matrix((items, items), dtype=np.int32)
    if settings.generation:
        for code in range(len(lines)):
            members = np.flatnonzero((line == code) & known)
            generation = shop.generation[members]
            owned, old = np.nonzero(generation[None, :] < generation[:, None])
            older_than[members[owned], members[old]] = 1
    # `older_than` leads from an owned phone to those that it excludes.
    return (shop.owned @ older_than.tocsr()).tocsr()
