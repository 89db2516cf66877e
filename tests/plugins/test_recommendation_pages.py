"""The Recommendations pages on Airflow's origin: text of others cannot act there, and no request breaks them."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from handpick.night import Night
from handpick.serving.connection import connect
from tests.hostile import HOSTILE, find_active_content
from tests.plugins.conftest import DAY

if TYPE_CHECKING:
    from playwright.sync_api import Dialog

CHROMIUM = shutil.which("chromium")
ADDRESSES = (
    "/",
    "/lists",
    "/lists?segment=all",
    "/lists?q=script",
    "/lists?item_id=i001",
    f"/lists?user_id={quote('<script>alert(1)</script>-0')}&item_id=script",
    "/models",
    "/data",
    f"/data/quarantine?day={DAY}&source=events",
    "/versions",
    "/versions/rollback/1",
    "/versions/diff?a=1&b=1",
    "/nights",
    f"/nights/{DAY}/index.html",
    f"/nights/{DAY}/pages/data_docs/index.html",
)


@pytest.fixture(scope="module")
def client(application: Any) -> TestClient:
    return TestClient(application, raise_server_exceptions=False)


def find_foreign_content(html: str) -> list[str]:
    """What could act in a page, apart from the one script that the app puts into its head."""
    from recommendation_pages.theme import THEME_ELEMENT

    assert html.count(THEME_ELEMENT) <= 1
    return find_active_content(html.replace(THEME_ELEMENT, ""))


@pytest.mark.parametrize("address", ADDRESSES)
def test_hostile_text_is_only_text_on_every_page(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert find_foreign_content(answer.text) == []
    assert "&lt;script&gt;alert(" in answer.text


def test_every_users_hostile_list_is_only_text(client: TestClient, published: Night) -> None:
    users = published.lake.read("lists/recommendations", DAY)["user_id"].unique().to_pylist()
    seen = 0
    for user in users[:: max(1, len(users) // 25)]:
        if len(user) <= 200:
            answer = client.get("/lists", params={"user_id": user})
            assert answer.status_code == 200
            assert find_foreign_content(answer.text) == []
            seen += 'class="cards"' in answer.text
    assert seen >= 10


@pytest.mark.parametrize(
    "address", [*ADDRESSES, "/nothing", f"/nights/{DAY}/pages/warehouse_docs/static_index.html"]
)
def test_no_response_may_run_script_of_this_origin_or_be_framed_by_others(
    client: TestClient, address: str
) -> None:
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy and "frame-ancestors 'self'" in policy and "base-uri 'none'" in policy
    )
    # Any script only in a sandbox without this origin; else that of the theme alone, by its hash.
    is_alone = policy.startswith("sandbox ") and "allow-same-origin" not in policy
    assert is_alone or re.search(r"script-src 'sha256-[\w+/]{43}=';", policy)
    assert is_alone or policy.count("script-src") == 1
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_hostile_parameters_are_answered_in_plain_words(client: TestClient) -> None:
    refused = client.get("/lists?user_id=%00")
    assert refused.status_code == 400
    assert "NUL" in refused.text
    assert client.get(f"/lists?user_id={'x' * 201}").status_code == 400
    for number, text in enumerate(HOSTILE):
        part = quote(text.encode(errors="surrogatepass"), safe="")
        addresses = (
            f"/lists?user_id={part[:600]}",
            f"/nights/{part}",
            f"/nights/{part}/index.html",
            f"/nights/{DAY}/{part}",
            f"/nights/{DAY}/pages/{part}/index.html",
            f"/nights/{DAY}/pages/data_docs/{part}",
        )
        for address in (addresses[number % 6], addresses[(number + 3) % 6]):
            answer = client.get(address, follow_redirects=False)
            assert answer.status_code in (200, 307, 400, 404), (address, answer.status_code)
            assert find_foreign_content(answer.text) == [], address
            assert "not served" not in answer.text
            assert answer.headers["content-security-policy"]


def test_a_difference_of_versions_is_computed_once_and_kept(client: TestClient, published: Night) -> None:
    deadline = time.monotonic() + 60
    while "Users:" not in (answer := client.get("/versions/diff?a=1&b=1")).text:
        assert answer.headers["refresh"] and time.monotonic() < deadline
        time.sleep(0.1)
    assert "refresh" not in answer.headers
    with connect(published.settings) as connection:
        kept = connection.execute("select before_version, after_version from serving.version_diffs")
        assert kept.fetchall() == [(1, 1)]
    assert client.get("/versions/diff?a=1&b=1").text == answer.text
    assert client.get("/versions/diff?a=1&b=77").status_code == 400


def test_a_night_that_is_running_is_no_failure(client: TestClient, published: Night) -> None:
    later = replace(published, logical_date=DAY + timedelta(days=1))
    folder = later.result_file("land").parent
    folder.mkdir(parents=True)
    try:
        assert "has not got past land" in client.get("/").text
        with later.lock("land"):
            assert f"The night of {later.logical_date} is running." in client.get("/").text
    finally:
        shutil.rmtree(folder)


def test_an_unforeseen_failure_is_one_plain_sentence_with_the_same_protection(
    client: TestClient, published: Night
) -> None:
    file = published.result_file("validate")
    before = file.read_text()
    file.write_text("{")
    try:
        answer = client.get(f"/nights/{DAY}/pages/data_docs/index.html")
    finally:
        file.write_text(before)
    assert answer.status_code in (404, 500)
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]


def test_lists_of_an_earlier_release_are_shown_until_the_next_publish(
    client: TestClient, published: Night
) -> None:
    rename = "alter table serving.{0}_all rename column phone_variants to {1}"
    back = "alter table serving.{0}_all rename column {1} to phone_variants"
    for table, question in (("recommendations", "user_id=x"), ("similar_items", "item_id=i001")):
        with connect(published.settings) as connection:
            connection.execute(rename.format(table, "later"))
        try:
            answer = client.get(f"/lists?{question}")
        finally:
            with connect(published.settings) as connection:
                connection.execute(back.format(table, "later"))
        assert answer.status_code == 200
        assert client.get(f"/lists?{question}").status_code == 200


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_no_script_of_a_text_runs_in_a_browser(address: str) -> None:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    asked: list[str] = []
    spoken: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        spoken.append(dialog.message)
        dialog.dismiss()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context()
        context.add_cookies([{"name": "session", "value": "of-airflow", "url": address}])
        page = context.new_page()
        page.on("dialog", dismiss)
        page.on("request", lambda request: asked.append(request.url))
        for place in ADDRESSES:
            page.goto(f"{address}{place}")
            # In the text, or at least in the shop's name.
            assert "<script>alert(" in page.inner_text("body") + page.title()
        # A link that a text brought is none.
        assert page.locator("a[href^=javascript]").count() == 0
        page.goto(f"{address}/nights/{DAY}/pages/warehouse_docs/static_index.html")
        assert page.title() == "dbt Docs ran alone", "its scripts run, without Airflow's cookies"
        browser.close()
    assert spoken == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
