"""In stock: nothing that cannot be sold today."""

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import Shop
from models.data import BoolArray


def barred(shop: Shop, settings: RulesSettings) -> BoolArray:  # noqa: ARG001
    """`(items,)`: phones that are not in stock."""
    return ~shop.data.catalogue.is_sellable
