"""Changes on the pages: who may make them, that no other site can, and that they are recorded with their reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from handpick.night import Night
from handpick.quarantine.released_files import get_released_folder
from handpick.serving.browse import read_actions
from tests.plugins.conftest import DAY, sign_in

SEEN = {"viewer": set(), "user": {"roll back", "release"}, "op": {"roll back", "release", "override"}}
SEEN["admin"] = SEEN["op"] | {"erase"}


@pytest.fixture
def client(application: Any) -> Iterator[TestClient]:
    yield TestClient(application, raise_server_exceptions=False)
    sign_in(application, "admin")


def _read_token(client: TestClient, address: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get(address).text)
    return found[1] if found else ""


def _release(client: TestClient, token: str, **headers: str) -> Any:
    form = {"token": token, "day": DAY, "source": "events", "into": DAY + timedelta(days=1), "why": "a test"}
    return client.post("/data/release", data=form, headers=headers)


@pytest.mark.parametrize("role", list(SEEN))
def test_each_role_may_do_what_airflow_allows_it_and_is_offered_no_more(
    client: TestClient, application: Any, role: str
) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from recommendation_pages.access import Action, find_rights, may, require

    person = SimpleAuthManagerUser(username=role, role=role)
    assert find_rights(person) >= SEEN[role] - {"erase"}
    assert ("release" in SEEN[role]) == may(Action.RELEASE, person)
    assert ("override" in SEEN[role]) == may(Action.OVERRIDE, person)
    assert callable(require(Action.ERASE))
    sign_in(application, role)
    offered = bool(_read_token(client, f"/data/quarantine?day={DAY}&source=events"))
    assert offered == ("release" in SEEN[role])


def test_a_right_is_asked_for_also_where_no_form_was_offered(
    client: TestClient, application: Any, published: Night
) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from recommendation_pages.access import make_token

    sign_in(application, "viewer")
    token = make_token(SimpleAuthManagerUser(username="viewer", role="viewer"))
    answer = _release(client, token)
    assert answer.status_code == 403
    assert "no right to release" in answer.text
    rolled = client.post("/versions/rollback/1", data={"token": token, "why": "a test"})
    assert rolled.status_code == 403
    assert not get_released_folder(published.lake, "events").exists()


@pytest.mark.parametrize("token", ["", "forged", "IkFkYSI.ZZ.x"])
def test_a_form_without_our_token_changes_nothing(client: TestClient, published: Night, token: str) -> None:
    assert _release(client, token).status_code == 403
    assert not get_released_folder(published.lake, "events").exists()


def test_the_form_of_another_user_or_another_site_changes_nothing(
    client: TestClient, application: Any, published: Night
) -> None:
    token = _read_token(client, f"/data/quarantine?day={DAY}&source=events")
    assert _release(client, token, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    sign_in(application, "op")
    assert _release(client, token).status_code == 403
    assert not get_released_folder(published.lake, "events").exists()


def test_rows_are_released_and_lists_rolled_back_with_the_reason_recorded(
    client: TestClient, published: Night
) -> None:
    token = _read_token(client, f"/data/quarantine?day={DAY}&source=events")
    answer = _release(client, token)
    assert answer.status_code == 200, answer.text
    assert "40 rows of events were released" in answer.text
    (file,) = get_released_folder(published.lake, "events").glob("*.jsonl")
    assert len(file.read_text().split("\n")) == 41
    confirm = client.get("/versions/rollback/1")
    assert "is current already" in confirm.text
    rolled = client.post(
        "/versions/rollback/1", data={"token": token, "why": "too dear"}, follow_redirects=False
    )
    assert rolled.status_code == 303
    assert [(one.who, one.action, one.why) for one in read_actions(published.settings)] == [
        ("admin", "roll back", "too dear"),
        ("admin", "release", "a test"),
    ]
    page = client.get("/versions").text
    assert "too dear" in page
    assert "release: 40 rows of events" in page
