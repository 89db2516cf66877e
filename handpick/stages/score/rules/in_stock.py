"""The rule `in_stock`: no phone that cannot be sold on the logical date."""

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData
from models.dataset import BoolArray


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> BoolArray:  # noqa: ARG001
    """Find the phones that are not in stock: `(items,)`."""
    return ~shop.data.catalogue.is_sellable
