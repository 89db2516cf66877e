"""Finds what is damaged in the lake, and runs the stages again that write it, from what is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from handpick.dataset.encoder_registry import EncoderRegistry
from handpick.errors import DamagedData, HandpickError, ServingError
from handpick.lake.checksums import (
    BrokenChecksums,
    digest_from_checksums,
    find_damage,
    list_data_files,
    read_checksums,
    write_checksums,
)
from handpick.lake.partitions import (
    PARTITION_PREFIX,
    Lake,
    digest_files,
    digest_partition,
    find_unreadable,
    parse_partition_date,
)
from handpick.lake.swap import OLD_PREFIX, STAGING_PREFIX
from handpick.ledger.erasures import Erasure, read_erasures
from handpick.ledger.flows import StageResult
from handpick.ledger.reconcile import LEDGER_TABLE, write_ledger
from handpick.night import LEDGER_FOLDER, Night
from handpick.pipeline.registry import STAGES, Stage, find_writing_stage, get_stage
from handpick.pipeline.runner import run_stage
from handpick.runtime.log import log_progress
from handpick.serving.relations import RELATIONS
from handpick.settings.load import Settings
from handpick.stages.feature_store.public import find_damaged_files
from handpick.stages.publish.public import (
    ServedVersion,
    compare_served_versions,
    disown_versions,
    drop_disowned_versions,
)
from handpick.stages.warehouse.public import find_warehouse_damage, remove_warehouse

SERVED = "list version"
"""Stands for the table of findings in the serving database."""
DERIVED = "database beside the lake"
"""Stands for the table of findings in files that the lake's tables are loaded into."""


class State(StrEnum):
    """What is the matter with a finding's subject."""

    DAMAGED = "damaged"
    MISSING = "missing"
    STRAY = "stray"
    LEFTOVER = "leftover"
    UNCHECKED = "no checksums"


@dataclass(frozen=True)
class Finding:
    """Something in the lake that is not as it should be.

    Args:
        state: What is the matter.
        subject: A table and its night, a stage's result, an encoder or a folder.
        problem: The file, and what is wrong with it.
        stage: The stage that writes it; None where no stage can write it again.
        logical_date: Its night.
        table: Its table, for partitions.
    """

    state: State
    subject: str
    problem: str
    stage: Stage | None = None
    logical_date: date | None = None
    table: str | None = None

    @property
    def is_damage(self) -> bool:
        """Whether something is lost, or would be read that nobody wrote."""
        return self.state in (State.DAMAGED, State.MISSING, State.STRAY)


@dataclass
class Inspection:
    """What was looked at, and what was found.

    Args:
        partitions: Partitions whose bytes were read.
        bytes: Their size.
        results: Results of stages.
        encoders: Versions of encoders.
        served: List versions in the serving database that were compared with their lists, row by row.
        unserved: Why the database was not compared; empty where it was.
        findings: In the order of nights and stages.
    """

    partitions: int = 0
    bytes: int = 0
    results: int = 0
    encoders: int = 0
    served: list[ServedVersion] = field(default_factory=list)
    unserved: str = ""
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Repair:
    """What became of the damage that one stage of one night mends.

    Args:
        subject: The stage and its night, or what no stage writes.
        is_mended: Whether it is sound now.
        outcome: What was done, or why it could not be.
    """

    subject: str
    is_mended: bool
    outcome: str


def inspect_lake(settings: Settings, logical_date: date | None = None) -> Inspection:
    """Read all bytes of the lake and of the encoders, and compare them with what was written.

    Args:
        settings: Say where they are.
        logical_date: The only night to look at; all by default.
    """
    lake = Night(settings, logical_date or date.min).lake
    inspection = Inspection()
    for table in lake.list_tables():
        if table != LEDGER_FOLDER:
            inspection.findings += _inspect_table(lake, table, logical_date, inspection)
    inspection.findings += _inspect_results(settings, lake, logical_date, inspection)
    if logical_date is None:
        registry = EncoderRegistry(settings.path(settings.embed.encoders))
        versions, problems = registry.inspect()
        inspection.encoders = versions
        inspection.findings += [Finding(State.DAMAGED, "an encoder", problem) for problem in problems]
    inspection.findings += _inspect_derived(settings, logical_date)
    inspection.findings += _inspect_served(settings, logical_date, inspection)
    inspection.findings.sort(key=_order)
    return inspection


def _inspect_served(
    settings: Settings, logical_date: date | None, inspection: Inspection
) -> Iterator[Finding]:
    """Yield which list versions in the serving database do not hold the rows of their lists."""
    tables = {relation.lake_table for relation in RELATIONS}
    damaged = {
        finding.logical_date
        for finding in inspection.findings
        if finding.is_damage and finding.logical_date and (finding.table is None or finding.table in tables)
    }
    try:
        inspection.served = compare_served_versions(settings, logical_date, damaged)
    except ServingError as error:
        inspection.unserved = str(error)
        return
    for one in inspection.served:
        subject = (
            f"{SERVED} {one.version}{', the current one,' if one.is_current else ''} of {one.logical_date}"
        )
        for problem in one.problems:
            yield Finding(State.DAMAGED, subject, problem, get_stage("publish"), one.logical_date, SERVED)


def _inspect_derived(settings: Settings, logical_date: date | None) -> Iterator[Finding]:
    """Yield what is damaged in the warehouse and in Feast's files, as damage of the newest night."""
    results = Night(settings, logical_date or date.min).lake.root / LEDGER_FOLDER
    nights = [one[0] for one in _list_partitions(results, "", None) if not isinstance(one, Finding)]
    if not nights or logical_date not in (None, nights[-1]):
        return
    if problem := find_warehouse_damage(settings):
        yield Finding(State.DAMAGED, "the warehouse", problem, get_stage("warehouse"), nights[-1], DERIVED)
    for problem in find_damaged_files(settings).values():
        stage = get_stage("feature_store")
        yield Finding(State.DAMAGED, "the feature store", problem, stage, nights[-1], DERIVED)


def _order(finding: Finding) -> tuple[date, int, str]:
    """Return the place of a finding: nights oldest first, then the stages' order."""
    place = STAGES.index(finding.stage) if finding.stage else len(STAGES)
    return finding.logical_date or date.min, place, finding.subject


def _list_partitions(
    above: Path, subject: str, logical_date: date | None
) -> Iterator[tuple[date, Path] | Finding]:
    """Yield the dates and folders of a table, and a finding for each folder that only looks like one."""
    for folder in sorted(above.glob(f"{PARTITION_PREFIX}*")):
        try:
            day = parse_partition_date(folder)
        except DamagedData:
            yield Finding(State.STRAY, subject, f"{folder} is not a partition; move it out of the lake")
            continue
        if folder.is_dir() and logical_date in (None, day):
            yield day, folder


def _inspect_table(
    lake: Lake, table: str, logical_date: date | None, inspection: Inspection
) -> Iterator[Finding]:
    """Yield what is wrong with the partitions of a table."""
    stage = find_writing_stage(table)
    for found in _list_partitions(lake.root / table, table, logical_date):
        if isinstance(found, Finding):
            yield found
            continue
        day, folder = found
        subject = f"{table} of {day}"
        inspection.partitions += 1
        inspection.bytes += sum(file.stat().st_size for file in list_data_files(folder))
        has_checksums = _has_checksums(folder)
        damaged = find_damage(folder, with_bytes=True) if has_checksums else find_unreadable(folder)
        for damage in damaged:
            yield Finding(State.DAMAGED, subject, str(damage), stage, day, table)
        if not damaged and not has_checksums:
            yield Finding(
                State.UNCHECKED,
                subject,
                "was written by a release without checksums; it can be read, but other damage than that is "
                "not noticed",
                stage,
                day,
                table,
            )
    for left in sorted((lake.root / table).glob(".*")):
        if left.name.startswith((STAGING_PREFIX, OLD_PREFIX)) and logical_date is None:
            yield Finding(
                State.LEFTOVER,
                table,
                f"{left} is being written, or was left by a killed writer; the next one removes it",
            )


def _has_checksums(folder: Path) -> bool:
    """Return whether a partition's writer has stored checksums."""
    try:
        return read_checksums(folder) is not None
    except BrokenChecksums:
        return True


def _inspect_results(
    settings: Settings, lake: Lake, logical_date: date | None, inspection: Inspection
) -> Iterator[Finding]:
    """Yield which results of stages are damaged, and which of their partitions are missing or others."""
    for found in _list_partitions(lake.root / LEDGER_FOLDER, "the results of stages", logical_date):
        if isinstance(found, Finding):
            yield found
            continue
        day, folder = found
        night = Night(settings, day)
        erased: dict[str, Erasure] = {}
        try:
            erased = read_erasures(lake, day)
        except DamagedData as error:
            yield Finding(State.DAMAGED, f"what was erased of {day}", str(error), None, day)
        for stage in STAGES:
            if not night.has_result(stage.name):
                continue
            inspection.results += 1
            try:
                result = night.result(stage.name)
            except DamagedData:
                problem = f"{folder / stage.name}.json is not what was written"
                yield Finding(State.DAMAGED, f"the result of {stage.name} of {day}", problem, stage, day)
                continue
            yield from _compare_with_result(lake, stage, result, erased)


def _compare_with_result(
    lake: Lake, stage: Stage, result: StageResult, erased: Mapping[str, Erasure]
) -> Iterator[Finding]:
    """Yield the partitions that a stage has reported and that are missing, or not those that it wrote."""
    day = result.logical_date
    for table, digest in result.partitions.items():
        folder = lake.partition(table, day)
        if not lake.has(table, day):
            problem = f"{folder} is missing, but {stage.name} has written it"
            yield Finding(State.MISSING, f"{table} of {day}", problem, stage, day, table)
            continue
        try:
            stated = digest_from_checksums(folder) or digest_files(folder)
        except BrokenChecksums:
            continue  # reported as damage of the partition
        if table in erased and (erased[table].was, erased[table].now) == (digest, stated):
            continue
        # A person may override the gate's decision after its stage.
        if table != "gate" and stated != digest:
            problem = f"{folder} has digest {stated[:12]}, but {stage.name} has reported {digest[:12]}"
            yield Finding(State.DAMAGED, f"{table} of {day}", problem, stage, day, table)


def repair(settings: Settings, findings: Sequence[Finding]) -> Iterator[Repair]:
    """Write what is damaged again, nights oldest first and stages in order, and yield what became of it.

    A stage runs again only if the partitions of its night that it reads are sound, so that nothing is made
    from damaged data.
    """
    jobs: dict[tuple[date, str], list[Finding]] = {}
    ledgers: set[date] = set()
    for finding in findings:
        if not finding.is_damage:
            continue
        if finding.table == LEDGER_TABLE and finding.logical_date:
            ledgers.add(finding.logical_date)
        elif finding.stage is None or finding.logical_date is None:
            outcome = "no stage writes it; move it away, or bring it back from a copy"
            yield Repair(f"{finding.subject}: {finding.problem}", False, outcome)
        else:
            jobs.setdefault((finding.logical_date, finding.stage.name), []).append(finding)
    with _damaged_results_set_aside(settings, findings):
        for (day, stage), group in jobs.items():
            yield _repair_stage(Night(settings, day), stage, group)
    # Last: it is made from the results of the stages.
    for day in sorted(ledgers):
        yield _repair_ledger(Night(settings, day))


@contextmanager
def _damaged_results_set_aside(settings: Settings, findings: Sequence[Finding]) -> Iterator[None]:
    """Move damaged results away inside the block, as after each stage the night's other results are read.

    Those that no stage has written again are moved back, so that they are found the next time.
    """
    aside = {}
    for finding in findings:
        if finding.is_damage and finding.table is None and finding.stage and finding.logical_date:
            file = Night(settings, finding.logical_date).result_file(finding.stage.name)
            aside[file] = file.with_suffix(".damaged")
    for file, away in aside.items():
        file.replace(away)
    try:
        yield
    finally:
        for file, away in aside.items():
            if file.exists():
                away.unlink()
            else:
                away.replace(file)


def _repair_ledger(night: Night) -> Repair:
    """Write a night's ledger table again from the results of its stages."""
    subject = f"{LEDGER_TABLE} of {night.logical_date}"
    try:
        write_ledger(night.results(), night.lake, night.logical_date)
    except HandpickError as error:
        return Repair(subject, False, str(error))
    return Repair(subject, True, "written again from the results of the stages")


def _repair_stage(night: Night, stage: str, group: Sequence[Finding]) -> Repair:
    """Run a stage again, and compare what it writes with what it had written."""
    subject = f"{stage} of {night.logical_date}"
    tables = sorted({finding.table for finding in group if finding.table} - {SERVED, DERIVED})
    is_served = any(finding.table == SERVED for finding in group)
    is_derived = any(finding.table == DERIVED for finding in group)
    before = {table: _read_stated_digest(night.lake.partition(table, night.logical_date)) for table in tables}
    log_progress(f"{subject} runs again, as damaged are: {', '.join(one.subject for one in group)}")
    try:
        if is_served:
            # Otherwise publish finds the version that it would load, and leaves it as it is.
            disown_versions(night.settings, night.logical_date)
        if is_derived and stage == "warehouse":  # the feature store removes its damaged files itself
            remove_warehouse(night.settings)
        run_stage(stage, night)
        if is_served:
            drop_disowned_versions(night.settings, night.logical_date)
    except HandpickError as error:
        return Repair(subject, False, f"could not run again: {error}")
    changed = [
        table
        for table in tables
        if before[table] is not None
        and digest_partition(night.lake.partition(table, night.logical_date)) != before[table]
    ]
    if changed:
        return Repair(
            subject,
            True,
            f"written again, but {', '.join(changed)} has other bytes than before the damage: its inputs or "
            f"its settings have changed since. What was made from it is older: `handpick night --date "
            f"{night.logical_date}` makes it anew",
        )
    if is_served and not tables:
        return Repair(subject, True, "loaded again from the lists that score wrote")
    if is_derived and not tables:
        return Repair(subject, True, "made anew from the lake")
    same = "with the same bytes as before" if any(before.values()) else "anew"
    return Repair(subject, True, f"written again {same}")


def _read_stated_digest(folder: Path) -> str | None:
    """Return the digest that a partition had when it was written; None where nothing states it."""
    try:
        return digest_from_checksums(folder)
    except BrokenChecksums:
        return None


def adopt(settings: Settings, findings: Sequence[Finding]) -> int:
    """Write the checksums of readable partitions that lack them, and return of how many."""
    count = 0
    for finding in findings:
        if finding.state is State.UNCHECKED and finding.table and finding.logical_date:
            lake = Night(settings, finding.logical_date).lake
            with lake.lock_table(finding.table, finding.logical_date):
                write_checksums(lake.partition(finding.table, finding.logical_date))
            count += 1
    return count
