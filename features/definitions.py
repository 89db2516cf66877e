"""The objects that `feast apply` registers, each once."""

from feast import Entity, FeatureService, FeatureView, OnDemandFeatureView

from features.entities import item, user
from features.services import fusion_v1, fusion_v1_training
from features.views import at_scoring, item_content, item_offer, item_statistics, user_activity, user_queries

VIEWS: tuple[FeatureView, ...] = (user_activity, item_statistics, item_offer, item_content, user_queries)
"""Views that are materialized online, in this order."""

OBJECTS: tuple[Entity | FeatureView | OnDemandFeatureView | FeatureService, ...] = (
    user,
    item,
    *VIEWS,
    at_scoring,
    fusion_v1,
    fusion_v1_training,
)
"""All objects, each after those that it refers to."""
