"""Whole nights with online stores that are servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from handpick.night import Night
from handpick.serving.embedded import stop_embedded
from handpick.stages.feature_store import run
from handpick.stages.feature_store.feast_store import CONFIGURATION_FILE, open_store
from tests.stages.feature_store.conftest import FIRST, SECOND, Shop, settings_in
from tests.stages.feature_store.servers import has_redis, redis_server


def looked_up_after_two_nights(shop: Shop, folder: Path, **features: object) -> list[object]:
    """All users' view counts from the online store, and how many entities the second night wrote."""
    settings = settings_in(folder, **features)
    for day in (FIRST, SECOND):
        night = Night(settings, day)
        shop.write(night)
        flows = {flow.source: flow for flow in run(night).flows}
    assert flows["online item_content"].rows_out == 1
    assert "password" not in (settings.path(settings.features.path) / CONFIGURATION_FILE).read_text().replace(
        "password: ${PGPASSWORD}", ""
    )
    rows = [{"user_id": user} for user in shop.users]
    counts: list[object] = (
        open_store(settings)
        .get_online_features(["user_activity:view_count_30d"], rows)
        .to_dict()["view_count_30d"]
    )
    assert counts == [
        shop.activity(user, Night(settings, SECOND).as_of)["view_count_30d"] for user in shop.users
    ]
    return counts


@pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: nights into Redis are not tested")
def test_two_nights_into_redis(shop: Shop, tmp_path: Path) -> None:
    with redis_server(tmp_path) as address:
        looked_up_after_two_nights(shop, tmp_path, online_store="redis", redis=address)


def test_two_nights_into_the_serving_database(shop: Shop, tmp_path: Path) -> None:
    try:
        looked_up_after_two_nights(shop, tmp_path, online_store="postgres")
    finally:
        stop_embedded(settings_in(tmp_path))
