"""Erases a person from the landed tables, and from the copies of the shop's files that they came from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.lake.media import resolve_media_path
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.pipeline.erase.footprint import Footprint, find_shared_media
from handpick.pipeline.erase.lake_tables import erase_from_partition
from handpick.quarantine.released_files import RELEASED_PREFIX, get_released_folder
from handpick.settings.load import Settings
from handpick.stages.land.public import (
    MANIFEST,
    CannotErase,
    build_manifest_entry,
    get_source_folder,
    is_remote_url,
    list_landing_files,
    stage_without_rows,
)


@dataclass
class LandingPlan:
    """Landing files without the person, still under hidden names.

    Args:
        staged: New file by the file that it replaces.
        entries: What manifests say about each new file, by source and name.
        rows: Rows that each file loses.
        left: Files that keep the person, and why.
    """

    staged: dict[Path, Path] = field(default_factory=dict)
    entries: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    rows: dict[Path, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def plan_landing_files(settings: Settings, lake: Lake, person: Footprint) -> LandingPlan:
    """Write every landing file that holds the person anew, but replace none yet; learn what they tell."""
    plan = LandingPlan()
    night = Night(settings, _any_day(lake))
    root = settings.path(settings.lake.landing)
    for source, contract in CONTRACTS.items():
        if "user_id" not in contract.column_names:
            continue
        configured = settings.sources.of(source)
        for folder, prefix in (
            (get_source_folder(settings, source), ""),
            (get_released_folder(lake, source), RELEASED_PREFIX),
        ):
            if configured.url is not None or configured.format == "sql" or is_remote_url(configured.path):
                if not prefix:
                    plan.left.append(f"the shop's own source of {source}, which nights read but never change")
                    continue
            elif not prefix and not folder.is_relative_to(root):
                plan.left.append(f"the shop's own files of {source} in {folder}")
                continue
            for file in list_landing_files(folder) if folder.exists() else []:
                name = prefix + (file.name if file == folder else file.relative_to(folder).as_posix())

                try:
                    made = stage_without_rows(night, source, file, name, person.find_and_learn)
                except CannotErase as error:
                    if person.id_pattern.search(file.read_bytes()) or file.suffix not in {".csv", ".jsonl"}:
                        plan.left.append(f"{file}: {error}; erase the person there by hand")
                    continue
                if made is not None:
                    plan.staged[file], plan.rows[file] = made
                    plan.entries[source, name] = build_manifest_entry(name, made[0])
    return plan


def erase_landed_rows(lake: Lake, person: Footprint, plan: LandingPlan, removed: Counter[str]) -> None:
    """Erase the person from the landed tables, whose manifests then describe the new landing files."""
    for table in lake.list_tables(["raw"]):
        source = table.split("/", maxsplit=1)[1]
        renewed = {name: entry for (of, name), entry in plan.entries.items() if of == source}

        def finish(folder: Path, renewed: dict[str, dict[str, object]] = renewed) -> bool:
            file = folder / MANIFEST
            manifest = json.loads(file.read_text())
            files = [{**entry, **renewed.get(entry["name"], {})} for entry in manifest["files"]]
            if files == manifest["files"]:
                return False
            if not folder.name.startswith("logical_date="):  # the new folder, not the one that is read
                file.write_text(json.dumps({**manifest, "files": files}, indent=1, sort_keys=True))
            return True

        for day in lake.list_dates(table):
            erase_from_partition(lake, table, day, person, removed, finish)


def replace_landing_files(plan: LandingPlan, removed: Counter[str]) -> None:
    """Put the new landing files in the place of those that held the person."""
    for file, staged in plan.staged.items():
        staged.replace(file)
        removed["landing files"] += plan.rows[file]


def erase_media(settings: Settings, lake: Lake, person: Footprint, removed: Counter[str]) -> None:
    """Delete the pictures and recordings that only the person's queries name, and what is known of them."""
    root = settings.path(settings.lake.media)
    own = person.media - find_shared_media(lake, person)
    for relative in sorted(own):
        path = resolve_media_path(root, relative)
        if path is not None and path.is_file():
            path.unlink()
            removed["pictures and recordings"] += 1
    for cache in sorted((lake.root / ".cache").glob("media_*.json")):
        known = json.loads(cache.read_text())
        kept = {key: value for key, value in known.items() if not any(one in key for one in own)}
        if len(kept) < len(known):
            staged = cache.with_suffix(".tmp")
            staged.write_text(json.dumps(kept, indent=0, sort_keys=True))
            staged.replace(cache)


def _any_day(lake: Lake) -> date:
    """Return the newest night that landed, for settings that hold a night's date."""
    days = [day for table in lake.list_tables(["raw"]) for day in lake.list_dates(table)]
    return max(days, default=date.min)
