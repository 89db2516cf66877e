"""The rule `brand_exclusions`: brands that the merchandiser does not want recommended."""

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import Shop, is_any
from models.data import BoolArray


def barred(shop: Shop, settings: RulesSettings) -> BoolArray:
    """Find the phones of excluded brands: `(items,)`."""
    return is_any(shop.data.catalogue.brand, settings.excluded_brands)
