"""Airflow's web UI as a person sees it, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from handpick.pipeline.registry import list_nightly_names
from tests.end_to_end.conftest import House

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAREHOUSE = "warehouse"
SECONDS = 1000
RUN = "handpick__"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.timeout(1500),
]


@pytest.fixture(scope="module")
def page(house: House) -> Iterator[Page]:
    """A signed-in browser page."""
    passwords = json.loads((house.folder / "var" / "airflow" / "passwords.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(
            base_url=f"http://127.0.0.1:{house.port}", viewport={"width": 1400, "height": 900}
        )
        opened.set_default_timeout(60 * SECONDS)
        opened.goto("/")
        opened.fill('input[name="username"]', "admin")
        opened.fill('input[name="password"]', passwords["admin"])
        opened.keyboard.press("Enter")
        opened.wait_for_url(lambda url: "/auth/" not in url)
        opened.wait_for_load_state("networkidle")
        yield opened
        browser.close()


def test_the_night_is_shown_with_its_stages_and_a_task_for_each_dbt_model(house: House, page: Page) -> None:
    run = f"{RUN}{house.nights()[0].logical_date}"
    page.goto(f"/dags/nightly_recommendations/runs/{run}")
    for task in set(list_nightly_names()) - {WAREHOUSE}:
        expect(page.get_by_text(task, exact=True).first).to_be_visible(timeout=60 * SECONDS)
    tasks = {task["task_id"]: task["state"] for task in _tasks(house, run)}
    assert any(name.startswith(f"{WAREHOUSE}.") and "dim_item" in name for name in tasks)
    assert set(tasks.values()) <= {"success", "skipped"}


def test_the_pages_in_the_web_ui_show_versions_a_list_and_the_report(house: House, page: Page) -> None:
    page.goto("/handpick/")
    expect(page.get_by_label("Verdict")).to_contain_text("has published its lists")
    # Airflow's own database tells the pages of its runs.
    expect(page.get_by_role("link", name=str(house.nights()[-1].logical_date))).to_be_visible()
    page.goto("/handpick/versions")
    expect(page.get_by_text("current", exact=True)).to_be_visible()
    page.goto("/handpick/lists")
    page.get_by_label("Users").get_by_role("link").first.click()
    expect(page.locator(".card").nth(1)).to_be_visible()
    page.goto(f"/handpick/nights/{house.nights()[-1].logical_date}")
    expect(page.get_by_role("heading", name="The ledger")).to_be_visible()
    expect(page.get_by_role("heading", name="Evaluation")).to_be_visible()
    for built, told in (("data docs", "Data Docs"), ("warehouse docs", "dbt Docs")):
        report = page.url
        page.get_by_role("link", name=built).first.click()
        expect(page).to_have_title(re.compile(told))
        page.goto(report)


def test_the_app_has_an_entry_of_its_own_in_the_navigation(page: Page) -> None:
    page.goto("/")
    # The start page also links to the asset and to runs of a DAG of that name: only the bar is meant.
    page.get_by_test_id("nav-sidebar").get_by_role("link", name="Recommendations", exact=True).click()
    expect(page.frame_locator("iframe").get_by_label("Verdict")).to_be_visible()


def test_lists_are_rolled_back_on_the_page_with_a_reason_that_is_kept(house: House, page: Page) -> None:
    page.goto("/handpick/versions")
    page.get_by_role("link", name="make current").first.click()
    expect(page.get_by_text("at once and for all consumers")).to_be_visible()
    page.get_by_label("Why").fill("to see that it works")
    page.get_by_role("button").click()
    expect(page.get_by_text("to see that it works")).to_be_visible()
    page.goto("/handpick/")
    expect(page.get_by_text("The lists were rolled back")).to_be_visible()
    assert house.handpick("rollback", "2").returncode == 0


def test_no_file_beside_a_stages_pages_can_be_read(house: House, page: Page) -> None:
    day = house.nights()[-1].logical_date
    for path in ("..%2F..%2F..%2Fmlflow.db", "%2Fetc%2Fpasswd"):
        page.goto(f"/handpick/nights/{day}/pages/data_docs/{path}")
        expect(page.get_by_text(f"There is no such page for {day}.")).to_be_visible()


def test_the_pages_are_closed_to_those_who_have_not_signed_in(house: House) -> None:
    answer = httpx.get(f"http://127.0.0.1:{house.port}/handpick/", trust_env=False)
    assert answer.status_code in (401, 403)


def _tasks(house: House, run: str) -> list[dict[str, str]]:
    """The run's tasks by Airflow's API."""
    from handpick.local_airflow.client import sign_in

    with sign_in(house.settings) as client:
        return [
            {"task_id": task.task_id, "state": str(task.state)}
            for task in client.list_tasks("nightly_recommendations", run)
        ]
