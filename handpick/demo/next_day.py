"""The demo shop that `handpick run` makes where there is no input, and the days that it adds to it."""

from __future__ import annotations

from datetime import date, timedelta

from handpick.dataset.oracle.truth_files import PLAN_FILE
from handpick.demo import ground_truth, shop
from handpick.demo.landing import DemoFolders
from handpick.demo.parameters import Plan
from handpick.runtime.log import log_progress
from handpick.settings.load import Settings

HISTORY_DAYS = 60
"""Days of history of a demo shop that is made on the first run."""


def has_demo_shop(settings: Settings) -> bool:
    """Return whether the configured folders hold a finished demo shop."""
    return (DemoFolders.configured(settings).truth / PLAN_FILE).is_file()


def has_unfinished_shop(settings: Settings) -> bool:
    """Return whether making a demo shop in the configured folders was interrupted."""
    return shop.is_unfinished(DemoFolders.configured(settings))


def make_first_shop(settings: Settings, rung: str, last_day: date) -> None:
    """Make a demo shop in the configured folders, in place of one that was interrupted.

    Args:
        settings: The folders and the seed.
        rung: Size of the shop: XS, S, M or L.
        last_day: Last day of its history.
    """
    folders = DemoFolders.configured(settings)
    log_progress(
        f"No input yet in {folders.landing}: making the demo shop {rung}, {HISTORY_DAYS} days to {last_day}. "
        "It is simulated, and its lists are published as a demo's"
    )
    plan = Plan.ending(rung, settings.seed, HISTORY_DAYS, last_day, "default", has_media=True)
    log_progress(
        shop.format_summary(shop.generate_shop(plan, folders, overwrite=shop.is_unfinished(folders)), folders)
    )


def find_last_shop_day(settings: Settings) -> date:
    """Return the last day that was simulated."""
    plan = ground_truth.read_plan(DemoFolders.configured(settings).truth)
    return plan.date_of(plan.days - 1)


def add_shop_day(settings: Settings) -> date:
    """Simulate one more day of the demo shop and return its date."""
    last_day = find_last_shop_day(settings)
    log_progress(f"The night of {last_day} is done: simulating one more day of the demo shop")
    shop.add_day(DemoFolders.configured(settings))
    return last_day + timedelta(days=1)
