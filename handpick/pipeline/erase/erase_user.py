"""Erases one person: from what was made of their rows first, and from the rows themselves last."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from handpick.errors import HandpickError, InputError, ServingError
from handpick.lake.erased_users import ErasedUsers
from handpick.lake.locks import LOCK_FOLDER, hold_lock
from handpick.lake.partitions import Lake
from handpick.night import Night, list_nights
from handpick.pipeline.erase.airflow_database import blank_in_airflow
from handpick.pipeline.erase.footprint import is_nobody_elses, read_footprint
from handpick.pipeline.erase.lake_tables import erase_from_lake
from handpick.pipeline.erase.landing_files import (
    erase_landed_rows,
    erase_media,
    plan_landing_files,
    replace_landing_files,
)
from handpick.pipeline.erase.proof import write_proof
from handpick.pipeline.erase.text_files import blank_texts, search_everything
from handpick.pipeline.erase.truth import erase_from_truth
from handpick.pipeline.runner import run_stage
from handpick.runtime.log import log_progress
from handpick.serving.browse import record_action
from handpick.settings.load import Settings
from handpick.stages.feature_store.public import erase_online_user
from handpick.stages.publish.public import erase_served_user
from handpick.stages.warehouse.public import erase_warehouse_user

MODELS_REMAIN = (
    "the weights of models and encoders that were trained before, in which a person's rows cannot be told "
    "apart; tonight's models are trained without them"
)
AGGREGATES_REMAIN = (
    "sums over many people of nights before (counts of a phone, metrics, the ledger), which name nobody; "
    "`handpick backfill` makes them anew without the person"
)
LOCK_PREFIXES = ("night-", "pretrain-")


@dataclass(frozen=True)
class Erasure:
    """What an erasure did.

    Args:
        proof: File of the proof.
        removed: Rows or files by place, zeros left out.
        remains: What is left, and where, in sentences.
        found: Files in which the person was still found at the end.
    """

    proof: Path
    removed: dict[str, int]
    remains: list[str]
    found: list[Path]


def erase_user(settings: Settings, user_id: str, now: datetime, who: str = "", why: str = "") -> Erasure:
    """Erase a person from everything that Handpick holds, and write a proof that does not name them.

    It can be interrupted anywhere and run again: the person is remembered first, so that no night takes them
    in again, and the rows that tell what is theirs go last.

    Args:
        settings: All settings.
        user_id: The person's id, as the shop's files have it.
        now: The time, for the proof.
        who: Who asked for it, for the audit log; nothing is recorded there without.
        why: Why.

    Raises:
        InputError: If the id is empty.
        Busy: If a night runs for longer than `lake.lock_timeout_s`; nothing was erased yet.
        DamagedData: If a partition that holds the person is damaged; repair it, then run this again.
        HandpickError: If a store cannot be reached; what was erased so far stays erased.
    """
    user_id = user_id.strip()
    if not user_id or any(letter.isspace() for letter in user_id):
        raise InputError("an id of one word is needed; nothing was erased.")
    lake = Lake(settings.path(settings.lake.root), settings.lake.lock_timeout_s)
    name = f"{now:%Y-%m-%d}-{uuid.uuid4().hex[:12]}"
    removed: Counter[str] = Counter()
    remains = [MODELS_REMAIN, AGGREGATES_REMAIN]
    with hold_lock(lake.root, "erase", f"erasure {name}", lake.lock_timeout_s):
        # First: whatever happens from here on, no night takes the person in again.
        erased = ErasedUsers.load(settings).add(user_id, now)
        with hold_all_nights(settings, lake, f"erasure {name}"):
            log_progress("erase: looking for what belongs to the person")
            person = read_footprint(lake, user_id)
            plan = plan_landing_files(settings, lake, person)
            remains += plan.left
            log_progress("erase: lake")
            changed = erase_from_lake(lake, person, removed)
            log_progress("erase: warehouse, online store, serving database")
            removed["warehouse"] = erase_warehouse_user(settings, user_id)
            removed["online store"] = erase_online_user(settings, user_id)
            _erase_served(settings, user_id, removed, remains)
            rows, left = blank_in_airflow(settings, user_id)
            removed["Airflow's database"] = rows
            remains += left
            removed["demo shop's truth"] = erase_from_truth(settings, user_id)
            log_progress("erase: landed rows, media, logs")
            erase_media(settings, lake, person, removed)
            erase_landed_rows(lake, person, plan, removed)
            replace_landing_files(plan, removed)
            removed["logs and other texts"] = blank_texts(settings, person.compile_pattern())
        for day in sorted(day for table, day in changed if table == "report"):
            _write_report_again(settings, day)
        log_progress("erase: searching everything for the person")
        files, size, found = search_everything(
            settings, user_id, person.id_pattern, is_unique=is_nobody_elses(lake, user_id)
        )
        content: dict[str, Any] = {
            "erasure": name,
            "began_at": now.isoformat(timespec="seconds"),
            "user": erased.hash(user_id),
            "removed": {place: count for place, count in sorted(removed.items()) if count},
            "remains": remains,
            "searched": {"files": files, "bytes": size, "still found in": len(found)},
            "handpick": version("handpick"),
        }
        proof = write_proof(erased, name, content)
    if who:
        _record(settings, who, f"a person, proof {name}", why)
    return Erasure(proof, content["removed"], remains, found)


@contextmanager
def hold_all_nights(settings: Settings, lake: Lake, purpose: str) -> Iterator[None]:
    """Hold the locks of all nights inside the block, so that none runs meanwhile.

    A night that begins later has no lock yet; it lands without those who are remembered as erased.
    """
    names = {f"night-{day.isoformat()}" for day in list_nights(settings)}
    for prefix in LOCK_PREFIXES:
        names |= {file.stem for file in (lake.root / LOCK_FOLDER).glob(f"{prefix}*.lock")}
    with ExitStack() as stack:
        for lock in sorted(names):
            stack.enter_context(hold_lock(lake.root, lock, purpose, lake.lock_timeout_s))
        yield


def _erase_served(settings: Settings, user_id: str, removed: Counter[str], remains: list[str]) -> None:
    """Erase the person's lists from the serving database, unless nothing was ever published to it."""
    if settings.serving.dsn is None and not settings.path(settings.serving.embedded_path).exists():
        return
    removed["served lists"], left = erase_served_user(settings, user_id)
    remains += left


def _write_report_again(settings: Settings, day: date) -> None:
    """Write a report anew that showed the person's list; until then their id in it is blank."""
    try:
        run_stage("report", Night(settings, day))
    except HandpickError as error:
        log_progress(f"  the report of {day} was not written again, the person is blank in it: {error}")


def _record(settings: Settings, who: str, target: str, why: str) -> None:
    """Record the erasure in the audit log, where there is a serving database."""
    if settings.serving.dsn is None and not settings.path(settings.serving.embedded_path).exists():
        return
    try:
        record_action(settings, who=who, action="erase", target=target, why=why)
    except ServingError as error:
        log_progress(f"  the erasure is not in the audit log: {error}")
