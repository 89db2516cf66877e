"""The Feast repository as people use it: the `feast` command in its folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from handpick.features.store import REPOSITORY
from handpick.night import Night


def test_the_feast_command_lists_what_a_night_registered(two_nights: tuple[Night, Night]) -> None:
    settings = two_nights[0].settings
    written = settings.path(settings.features.path) / "feature_store.yaml"
    feast = Path(sys.executable).with_name("feast")
    listed = subprocess.run(
        [feast, "-f", str(written), "feature-views", "list"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(name in listed for name in ("user_activity", "item_statistics", "item_content", "at_scoring"))


def test_every_object_has_an_owner_and_a_description_and_every_view_goes_out_of_date() -> None:
    from features.definitions import OBJECTS, VIEWS

    assert all(one.owner and one.description for one in OBJECTS)
    assert all(view.ttl and view.ttl.days > 0 and view.tags for view in VIEWS)
    assert all(field.description for view in VIEWS for field in view.features)
