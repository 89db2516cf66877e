"""The lists: of a user beside the version before, of a phone, of a country; found by any part of a name."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from handpick.errors import HandpickError, ServingError
from handpick.lake.media import resolve_media_path
from handpick.night import Night
from handpick.serving.browse import ListBrowser
from handpick.serving.versions import ListVersion
from handpick.settings.load import Settings, load
from handpick.stages.report.holders import read_holders
from handpick.stages.score.list_explanations import (
    ListFacts,
    UserFacts,
    has_list_facts,
    read_list_facts,
)
from recommendation_pages.rendering import render, render_message
from recommendation_pages.state import Published, explain_unread

router = APIRouter()
FOUND_USERS = 20
SEARCHED_USERS = 100_000
LOWER_ID = "lower_id"
_warmed: set[int] = set()
NO_LIST = "The night that made the lists did not know this user. Shops show such people popular phones."
NO_FACTS = (
    "The night that made the lists kept no facts about them, so the cause cannot be told; nights that this "
    "release scores do."
)
USER_COLUMNS = ["user_id", "country", "locale", "event_count", "query_count", "owned_item_id", "signed_up_at"]
PICTURE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
Text = Annotated[str, Query(max_length=200)]


@router.get("/lists", response_class=HTMLResponse)
def show_lists(
    request: Request, q: Text = "", user_id: Text = "", item_id: Text = "", segment: Text = ""
) -> HTMLResponse:
    """Show what a search finds, one user's list, one phone, or the popular phones of a country."""
    if "\0" in f"{q}{user_id}{item_id}{segment}":
        # PostgreSQL's texts cannot hold it, so nobody and nothing is called so.
        return render_message(request, "No user and no phone is called with a NUL character.", 400)
    settings = load()
    values: dict[str, Any] = {"q": q, "user_id": user_id, "item_id": item_id, "segment": segment}
    try:
        browser = ListBrowser(settings)
    except ServingError as error:
        return render(request, "lists.html", published=explain_unread(error), current=None, **values)
    with browser:
        published = Published(browser.list_versions())
        if published.current is not None:
            version = published.current.version
            values["segments"] = browser.list_segments(version)
            if user_id:
                values |= _find_user(settings, browser, published, user_id, item_id)
            elif item_id:
                values |= _find_phone(settings, browser, published.current, item_id)
            elif segment:
                values["popular"] = browser.read_popular(version, segment)
            else:
                values["phones"] = browser.find_phones(version, q)
                values["users"] = find_users(settings, published, q)
    return render(request, "lists.html", published=published, current=published.current, **values)


@router.get("/pictures/{path:path}")
def show_picture(request: Request, path: str) -> Response:
    """Serve a phone's picture from the media root; no other file can be named."""
    settings = load()
    file = resolve_media_path(settings.path(settings.lake.media), path)
    kind = PICTURE_TYPES.get(file.suffix.lower()) if file is not None else None
    if file is None or kind is None or not file.is_file():
        return render_message(request, "There is no such picture.", 404)
    return FileResponse(file, media_type=kind)


def find_users(settings: Settings, published: Published, part: str) -> list[dict[str, Any]]:
    """Return up to 20 users whose id contains a text, without regard to case."""
    table = _read_users(settings, published)
    if table is None:
        return []
    rows: list[dict[str, Any]] = []
    # In slices, as the first ones mostly have enough; ids were put into lower case when they were read.
    for start in range(0, len(table), SEARCHED_USERS):
        some = table.slice(start, SEARCHED_USERS)
        if part:
            some = some.filter(pc.match_substring(some[LOWER_ID], part.lower()))
        rows += some.slice(0, FOUND_USERS - len(rows)).select(USER_COLUMNS).to_pylist()
        if len(rows) >= FOUND_USERS:
            break
    return rows


def warm_up(settings: Settings, published: Published) -> None:
    """Read what the pages of the current lists will need, in the background, once for each version."""
    current = published.current
    if current is None or current.version in _warmed:
        return
    _warmed.add(current.version)

    def read() -> None:
        with suppress(HandpickError, OSError, ValueError):
            table = _read_users(settings, published)
            if table is not None and len(table):
                lake, day = Night(settings, current.logical_date).lake, current.logical_date
                found = read_list_facts(lake, day, table["user_id"][0].as_py())
                if found is not None:
                    found[0].compute_scores(found[1])

    Thread(target=read, daemon=True).start()


def _find_user(
    settings: Settings, browser: ListBrowser, published: Published, user_id: str, item_id: str
) -> dict[str, Any]:
    """Return a user, their list and the one before; and where a phone is or why it is on neither."""
    current, before = published.current, published.before
    assert current is not None
    rows = browser.read_user_list(current.version, user_id)
    earlier = browser.read_user_list(before.version, user_id) if before else []
    old_ranks = {row["item_id"]: row["rank"] for row in earlier}
    new_ranks = {row["item_id"]: row["rank"] for row in rows}
    table = _read_users(settings, published)
    person = None
    if table is not None:
        person = next(iter(table.filter(pc.equal(table["user_id"], user_id)).slice(0, 1).to_pylist()), None)
    lake = Night(settings, current.logical_date).lake
    known = read_list_facts(lake, current.logical_date, user_id)
    found: dict[str, Any] = {
        "rows": rows,
        "earlier": earlier,
        "before": before,
        "old_ranks": old_ranks,
        "new_ranks": new_ranks,
        "person": person,
        "asked": _ask(browser, published, item_id, rows, known) if item_id else None,
        "parts": {},
        "weights": {},
    }
    if found["asked"] is not None and known is None and not found["asked"]["reasons"]:
        has_facts = has_list_facts(lake, current.logical_date)
        found["asked"]["reasons"] = [NO_LIST if has_facts else NO_FACTS]
    if known is not None:
        facts, maker = known
        found["maker"] = maker
        found["user_weights"] = facts.weigh_user_modalities(maker)
        found["parts"] = facts.split_scores(maker, list(new_ranks))
        if maker.factors is not None:
            found["weights"] = {item: facts.weigh_modalities(item) for item in new_ranks}
    return found


def _ask(
    browser: ListBrowser,
    published: Published,
    name: str,
    rows: list[dict[str, Any]],
    known: tuple[ListFacts, UserFacts] | None,
) -> dict[str, Any] | None:
    """Return a phone by a part of its name with its place on a list, or why it has none.

    None if no phone is called so, now or in the version before. Without facts there are no reasons.
    """
    assert published.current is not None
    phone = _choose_phone(browser.find_phones(published.current.version, name), name)
    if phone is None:
        before = published.before
        gone = _choose_phone(browser.find_phones(before.version, name), name) if before else None
        if gone is None or before is None:
            return None
        said = (
            f"It is no longer in the catalogue: version {before.version} of {before.logical_date} had it, "
            f"version {published.current.version} of {published.current.logical_date} does not."
        )
        return {"phone": gone, "rank": None, "reasons": [said]}
    rank = next((row["rank"] for row in rows if row["item_id"] == phone["item_id"]), None)
    reasons: list[str] = []
    if rank is None and known is not None:
        facts, maker = known
        absence = facts.explain_absence(maker, phone["item_id"], rows)
        reasons += absence.reasons if absence else ["The night that made the lists did not know this phone."]
        if maker.factors is None:
            reasons.append(
                "The list is by popularity: nothing is known of the user's taste, or they have not consented."
            )
    return {"phone": phone, "rank": rank, "reasons": reasons}


def _choose_phone(found: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return the phone whose id or title is exactly so, else the first one found."""
    exact = (row for row in found if name in (row["item_id"], row["title"]))
    return next(exact, next(iter(found), None))


def _find_phone(
    settings: Settings, browser: ListBrowser, current: ListVersion, item_id: str
) -> dict[str, Any]:
    """Return a phone, the ones like it, and who has it on their list."""
    version = current.version
    found = [row for row in browser.find_phones(version, item_id) if row["item_id"] == item_id]
    lake = Night(settings, current.logical_date).lake
    counted = read_holders(lake, current.logical_date, item_id)
    # Until the night's report has run, the database counts.
    counts, holders = counted or browser.find_holders(version, item_id)
    return {
        "phone": found[0] if found else None,
        "similar": browser.read_similar(version, item_id),
        "counts": counts,
        "holders": holders,
    }


def _read_users(settings: Settings, published: Published) -> pa.Table | None:
    """Return the users of the current version's night, None where the lake has none."""
    if published.current is None:
        return None
    night = Night(settings, published.current.logical_date)
    folder = night.lake.partition("marts/dim_user", night.logical_date)
    if not folder.is_dir():
        return None
    return _load_users(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load_users(folder: Path, changed: int) -> pa.Table:  # noqa: ARG001 - part of the cache's key
    """Load users once for each state of their partition."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder)
    for name in USER_COLUMNS:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table.select(USER_COLUMNS).append_column(LOWER_ID, pc.utf8_lower(table["user_id"]))
