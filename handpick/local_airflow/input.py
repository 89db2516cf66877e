"""Decides which night `handpick run` does, and makes the demo shop, or its next day, where there is nothing to run on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from handpick.contracts import CONTRACTS
from handpick.demo.landing import Folders
from handpick.errors import InputError
from handpick.night import Night
from handpick.pipeline.registry import nightly_names
from handpick.runtime.log import say
from handpick.settings.load import Settings

DEMO_DAYS = 60


def prepare(settings: Settings, rung: str, logical_date: date | None) -> date:
    """The logical date to run: the newest day that has arrived and is not done; input is made where there is none.

    A demo shop whose last day is done is run for one more day. A night that failed half-way is not done.

    Args:
        settings: Where input, truth and ledger lie.
        rung: Size of the demo shop, if one has to be made.
        logical_date: A date that was asked for; it is run whether or not it is done.

    Raises:
        InputError: If nothing new has arrived in a shop of the owner's.
    """
    from handpick.demo.parameters import DEFAULT_END

    if not _has_input(settings):
        return _make_demo_shop(settings, rung, logical_date or DEFAULT_END)
    if logical_date is not None:
        return logical_date
    if _is_demo_shop(settings):
        return _next_demo_day(settings)
    newest = _newest_day(settings)
    if is_done(settings, newest):
        places = ", ".join(sorted({_place(settings, source) for source in CONTRACTS}))
        raise InputError(
            f"nothing new has arrived: the night of {newest} is done, and no file is of a later day; looked in {places}. "
            f"The published lists stay current; bring the next day's files, or run that night again with --date {newest}."
        )
    return newest


def is_done(settings: Settings, logical_date: date) -> bool:
    """Whether a night went through to its last stage."""
    return Night(settings, logical_date).has_result(nightly_names()[-1])


def _points_to_sources(settings: Settings) -> bool:
    """Whether `handpick.toml` says where any source comes from."""
    sources = [settings.sources.of(source) for source in CONTRACTS]
    return any(source.path or source.url is not None for source in sources)


def _has_input(settings: Settings) -> bool:
    """Whether there is anything to run on; a demo shop that was not finished does not count."""
    from handpick.demo.shop import is_unfinished
    from handpick.stages.land.pending_files import newest_day

    if _points_to_sources(settings):
        return True
    if is_unfinished(Folders.configured(settings)):
        return False
    return any(newest_day(settings, source) is not None for source in CONTRACTS)


def _is_demo_shop(settings: Settings) -> bool:
    from handpick.demo.ground_truth import PLAN_FILE

    return not _points_to_sources(settings) and (Folders.configured(settings).truth / PLAN_FILE).is_file()


def _make_demo_shop(settings: Settings, rung: str, last_day: date) -> date:
    from handpick.demo import shop
    from handpick.demo.parameters import Plan

    folders = Folders.configured(settings)
    say(f"No input yet in {folders.landing}: making the demo shop {rung}, {DEMO_DAYS} days to {last_day}")
    plan = Plan.ending(rung, settings.seed, DEMO_DAYS, last_day, "default", has_media=True)
    say(shop.summary(shop.generate(plan, folders, overwrite=shop.is_unfinished(folders)), folders))
    return last_day


def _next_demo_day(settings: Settings) -> date:
    """The demo shop's last day, or, where that is done, the day after it, which is simulated first."""
    from handpick.demo import ground_truth, shop

    folders = Folders.configured(settings)
    plan = ground_truth.read_plan(folders.truth)
    last_day = plan.date_of(plan.days - 1)
    if not is_done(settings, last_day):
        return last_day
    say(f"The night of {last_day} is done: the demo shop opens for one more day")
    shop.add_day(folders)
    return last_day + timedelta(days=1)


def _newest_day(settings: Settings) -> date:
    """The newest day of any source's files; a database is read up to yesterday."""
    from handpick.stages.land.pending_files import newest_day

    urls = [settings.sources.of(source).url for source in CONTRACTS]
    days = [newest_day(settings, source) for source, url in zip(CONTRACTS, urls, strict=True) if url is None]
    found = [day for day in days if day is not None]
    if any(url is not None for url in urls):
        found.append(datetime.now(UTC).date() - timedelta(days=1))
    if not found:
        places = ", ".join(sorted({_place(settings, source) for source in CONTRACTS}))
        raise InputError(
            f"no file of any source: looked in {places}. Nothing was run; bring files there, or take the paths out of "
            "handpick.toml to run on a demo shop."
        )
    return max(found)


def _place(settings: Settings, source: str) -> str:
    from handpick.stages.land.pending_files import source_folder
    from handpick.stages.land.remote import is_remote

    configured = settings.sources.of(source)
    if configured.url is not None:
        return "a database"
    return configured.path if is_remote(configured.path) else str(source_folder(settings, source))
