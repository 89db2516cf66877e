"""The rule `not_owned`: no phone that the user owns or bought, in any of its variants."""

import numpy as np
from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> sparse.csr_matrix:  # noqa: ARG001
    """Find the phones that each user owns, and their other colours and memory sizes: `(users, items)`."""
    return add_variants(shop, shop.owned)


def add_variants(shop: ScoringData, owned: sparse.csr_matrix) -> sparse.csr_matrix:
    """Add all variants of the phones to `(users, items)` pairs."""
    groups, codes = np.unique(shop.variant_group, return_inverse=True)
    grouped = np.flatnonzero(shop.variant_group != "")
    member = sparse.csr_matrix(
        (np.ones(len(grouped), np.int32), (grouped, codes[grouped])),
        shape=(len(shop.variant_group), len(groups)),
    )
    # From phones to their variant groups and back to all phones of these groups.
    return (owned + owned @ member @ member.T).tocsr()
