"""The rule `not_returned`: no phone that the user returned."""

from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import RETURN, ScoringData, build_pair_matrix
from models.dataset import IntArray


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> sparse.csr_matrix:
    """Find the phones that each user returned: `(users, items)`."""
    none: IntArray = shop.data.users.owned_item[:0]
    return shop.find_event_pairs(RETURN) if settings.not_returned else build_pair_matrix(shop, none, none)
