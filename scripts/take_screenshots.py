"""Takes the documentation's pictures of the Recommendations app, from an Airflow that runs (`handpick up`).

Use: .venv/bin/python scripts/take_screenshots.py [FOLDER]; by default docs/pictures. It signs in as `admin`
and needs Chromium and the packages of `scripts/install.sh --dev`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from handpick.local_airflow.environment import ADMIN_USER, build_base_url, read_password
from handpick.settings.load import Settings, load

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PAGES = {
    "today": "",
    "lists": "lists?segment=all",
    # Of the demo shop: somebody, and a phone that is not on their list.
    "why": "lists?user_id=U0000128&item_id=P000003",
    "models": "models",
}
SCREENS = {"light": (1200, 800)}


def main() -> None:
    """Take a picture of each page on each screen."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    settings = load()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for screen, (width, height) in SCREENS.items():
            page = _sign_in(browser, settings, screen, width, height)
            for name, address in PAGES.items():
                page.goto(f"/handpick/{address}")
                page.screenshot(path=folder / f"{name}-{screen}.png")
        browser.close()
    print(f"{len(PAGES) * len(SCREENS)} pictures in {folder}")


def _sign_in(browser: Browser, settings: Settings, screen: str, width: int, height: int) -> Page:
    """Return a page of a signed-in browser."""
    page = browser.new_page(
        base_url=build_base_url(settings),
        viewport={"width": width, "height": height},
        color_scheme="dark" if screen.startswith("dark") else "light",
    )
    page.goto("/")
    page.fill('input[name="username"]', ADMIN_USER)
    page.fill('input[name="password"]', read_password(settings))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/" not in url)
    return page


if __name__ == "__main__":
    main()
