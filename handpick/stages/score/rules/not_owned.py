"""Not owned: nothing that a user owns or bought, in any of its variants."""

import numpy as np
from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import Shop


def barred(shop: Shop, settings: RulesSettings) -> sparse.csr_matrix:  # noqa: ARG001
    """`(users, items)`: what is owned, and the same phone in another colour or memory size."""
    return with_variants(shop, shop.owned)


def with_variants(shop: Shop, owned: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same pairs and all variants of their phones."""
    groups, codes = np.unique(shop.variant_group, return_inverse=True)
    grouped = np.flatnonzero(shop.variant_group != "")
    member = sparse.csr_matrix(
        (np.ones(len(grouped), np.int32), (grouped, codes[grouped])),
        shape=(len(shop.variant_group), len(groups)),
    )
    return (owned + owned @ member @ member.T).tocsr()
