"""The rule `brand_exclusions`: brands that the merchandiser does not want recommended."""

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData, match_any
from models.dataset import BoolArray


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> BoolArray:
    """Find the phones of excluded brands: `(items,)`."""
    return match_any(shop.data.catalogue.brand, settings.excluded_brands)
