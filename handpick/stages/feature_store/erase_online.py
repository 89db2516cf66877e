"""Erases a user from the online store."""

from __future__ import annotations

from typing import cast

from features.stores.columns import ColumnWriter
from handpick.settings.load import Settings
from handpick.stages.feature_store.feast_store import CONFIGURATION_FILE, open_store, run_feast

USER_KEY = "user_id"


def erase_online_user(settings: Settings, user_id: str) -> int:
    """Delete what the online store says about a user.

    Args:
        settings: All settings; `[features]` names the store.
        user_id: The user.

    Returns:
        In how many feature views the user was.

    Raises:
        FeatureStoreError: If the store cannot be reached or refuses.
    """
    from features.definitions import VIEWS

    # Written by the first night; before it there is no store, and none is made here.
    if not (settings.path(settings.features.path) / CONFIGURATION_FILE).is_file():
        return 0
    found = 0
    with run_feast("erase a user online", settings):
        store = open_store(settings)
        online = cast("ColumnWriter", store._get_provider().online_store)
        for view in VIEWS:
            # The registered view, as the declared one does not know its columns.
            known = store.get_feature_view(view.name)
            if [column.name for column in known.entity_columns] == [USER_KEY]:
                found += online.delete_entity(store.config, known, user_id)
    return found
