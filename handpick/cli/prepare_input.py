"""Input of `handpick run`: the demo shop, its next day, or the newest input of the owner's."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handpick.settings.load import Settings


def prepare_input(settings: Settings, rung: str, logical_date: date | None) -> date:
    """Choose the logical date to run; make a demo shop or its next day where the owner has no input.

    Args:
        settings: Where input, hidden truth and ledger are.
        rung: Size of the demo shop, if one has to be made.
        logical_date: The requested date, which is run even if it is done; None to choose one.

    Raises:
        InputError: If no new input has arrived for a shop that is not a demo shop.
    """
    from handpick.demo import next_day
    from handpick.demo.parameters import DEFAULT_END
    from handpick.pipeline import next_night

    is_own_shop = next_night.has_configured_sources(settings)
    # What an interrupted demo shop left in the landing folder is no input: the shop is made again.
    has_files = not next_day.has_unfinished_shop(settings) and next_night.has_landing_files(settings)
    if not is_own_shop and not has_files:
        last_day = logical_date or DEFAULT_END
        next_day.make_first_shop(settings, rung, last_day)
        return last_day
    if logical_date is not None:
        return logical_date
    if is_own_shop or not next_day.has_demo_shop(settings):
        return next_night.choose_night(settings)
    last_day = next_day.find_last_shop_day(settings)
    return next_day.add_shop_day(settings) if next_night.is_night_done(settings, last_day) else last_day
