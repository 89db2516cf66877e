"""The Feast repository, used through the `feast` command in its folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from handpick.night import Night
from handpick.stages.feature_store.feast_store import REPOSITORY
from tests.stages.feature_store.servers import free_port


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


def test_feasts_own_ui_opens_on_what_a_night_registered(two_nights: tuple[Night, Night]) -> None:
    settings = two_nights[0].settings
    written = settings.path(settings.features.path) / "feature_store.yaml"
    feast, port = Path(sys.executable).with_name("feast"), free_port()
    command = [str(feast), "-f", str(written), "ui", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            page = httpx.Client(transport=httpx.HTTPTransport(retries=0), trust_env=False, timeout=60)
            for _ in range(240):
                try:
                    assert "<title>" in page.get(address).text
                    break
                except httpx.TransportError:
                    assert server.poll() is None
                    time.sleep(0.5)
            views = page.get(f"{address}/api/v1/feature_views", params={"project": "handpick"}).json()
        finally:
            server.terminate()
    assert {"user_activity", "item_statistics", "at_scoring"} <= set(
        re.findall(r"[a-z_]+", json.dumps(views))
    )


def test_every_object_has_an_owner_and_a_description_and_every_view_goes_out_of_date() -> None:
    from features.definitions import OBJECTS, VIEWS

    assert all(one.owner and one.description for one in OBJECTS)
    assert all(view.ttl and view.ttl.days > 0 and view.tags for view in VIEWS)
    assert all(field.description for view in VIEWS for field in view.features)
