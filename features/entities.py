"""Entities that have features: users and phones."""

from feast import Entity, ValueType

OWNER = "recommendations"

user = Entity(
    name="user",
    join_keys=["user_id"],
    value_type=ValueType.STRING,
    description="A customer of the shop.",
    owner=OWNER,
)
item = Entity(
    name="item",
    join_keys=["item_id"],
    value_type=ValueType.STRING,
    description="A phone as sold.",
    owner=OWNER,
)
