"""Feature services, one for each version of a model; a model with other inputs gets a new service."""

from feast import FeatureService

from features.entities import OWNER
from features.views import at_scoring, item_content, item_offer, item_statistics, user_activity, user_queries

fusion_v1 = FeatureService(
    name="fusion_v1",
    features=[user_activity, item_statistics, item_offer, item_content, user_queries, at_scoring],
    description="All features that the first fusion model reads when it scores a user and a phone.",
    owner=OWNER,
    tags={"model": "fusion", "version": "1"},
)
fusion_v1_training = FeatureService(
    name="fusion_v1_training",
    features=[user_activity, at_scoring],
    description="The point-in-time columns of the first fusion model's training rows.",
    owner=OWNER,
    tags={"model": "fusion", "version": "1"},
)
