"""The rule `not_returned`: no phone that the user returned."""

from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import RETURN, Shop, pairs
from models.data import IntArray


def barred(shop: Shop, settings: RulesSettings) -> sparse.csr_matrix:
    """Find the phones that each user returned: `(users, items)`."""
    none: IntArray = shop.data.users.owned_item[:0]
    return shop.did(RETURN) if settings.not_returned else pairs(shop, none, none)
