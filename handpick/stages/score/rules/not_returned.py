"""Not returned: nothing that a user sent back."""

from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import RETURN, Shop, pairs
from models.data import IntArray


def barred(shop: Shop, settings: RulesSettings) -> sparse.csr_matrix:
    """`(users, items)`: what was returned."""
    none: IntArray = shop.data.users.owned_item[:0]
    return shop.did(RETURN) if settings.not_returned else pairs(shop, none, none)
