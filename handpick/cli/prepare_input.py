"""Input of `handpick run`: the owner's newest, or a demo shop and its days where one is wanted."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from handpick.errors import InputError

if TYPE_CHECKING:
    from handpick.settings.load import Settings


def prepare_input(settings: Settings, rung: str | None, logical_date: date | None) -> date:
    """Choose the logical date to run; make a demo shop where it was asked for, or its next day.

    Args:
        settings: Where input, hidden truth and ledger are.
        rung: Size of the demo shop that is wanted if there is no input; None for no demo shop.
        logical_date: The requested date, which is run even if it is done; None to choose one.

    Raises:
        InputError: If there is no input and no demo shop may be made, or no new input has arrived for a shop
            that is not a demo shop.
    """
    from handpick.demo import next_day
    from handpick.demo.parameters import DEFAULT_END
    from handpick.demo.permission import check_demo_allowed
    from handpick.pipeline import next_night

    if next_night.has_configured_sources(settings):
        return logical_date or next_night.choose_night(settings)
    # What an interrupted demo shop left in the landing folder is no input: the shop is made again.
    is_unfinished = next_day.has_unfinished_shop(settings)
    if is_unfinished or not next_night.has_landing_files(settings):
        if rung is None:
            raise InputError(
                f"there is no input: looked in {next_night.describe_places(settings)}. Nothing was run; "
                "bring your files (`handpick init` proposes the settings), or make a demo shop with "
                "`handpick run --rung S`."
            )
        check_demo_allowed(settings)
        last_day = logical_date or DEFAULT_END
        next_day.make_first_shop(settings, rung, last_day)
        return last_day
    if not next_day.has_demo_shop(settings):
        return logical_date or next_night.choose_night(settings)
    check_demo_allowed(settings)
    if logical_date is not None:
        return logical_date
    last_day = next_day.find_last_shop_day(settings)
    return next_day.add_shop_day(settings) if next_night.is_night_done(settings, last_day) else last_day
