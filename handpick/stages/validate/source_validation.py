"""Splits the landed rows of a source into valid rows and quarantined rows with every rule that they break."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import CONTRACTS, ORIGIN, Contract
from handpick.contracts.rules import ALREADY_LANDED, Rule, build_rules, format_orphan_reason
from handpick.errors import MissingPartition
from handpick.lake.media import blank_unusable_media, find_media_columns
from handpick.lake.partitions import count_rows, write_parquet
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.dataframes import Engine
from handpick.stages.validate.key_checks import REPEAT_REASONS, find_repeated_keys
from handpick.stages.validate.row_checks import (
    KEY_HASH_COLUMN,
    PARALLEL_BATCHES,
    RULE_BITS_COLUMN,
    CheckedRows,
    check_rows,
)

KNOWN_CODE = REPEAT_REASONS.index(ALREADY_LANDED)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ValidationOutcome:
    """The result of validating one source on one night.

    Args:
        flow: The ledger line; a row counts under the first rule that it breaks.
        emptied: Number of values set to null in valid rows, by reason.
    """

    flow: Flow
    emptied: dict[str, int]


@dataclass(frozen=True)
class RowViolations:
    """The rules that each row of a batch breaks.

    Args:
        rule_bits: `(rows,)` broken row rules, one bit each, warnings included.
        is_orphan: Per reference, `(rows,)` whether the foreign key is unknown.
        repeat_codes: `(rows,)` indices into `REPEAT_REASONS`, 0 where the key is new.
    """

    rule_bits: npt.NDArray[np.int64]
    is_orphan: list[Mask]
    repeat_codes: npt.NDArray[np.int8]

    def mask_quarantined(self, critical: int) -> Mask:
        """Return `(rows,)` whether each row is quarantined, given the bits of the critical rules."""
        return np.logical_or.reduce(
            [(self.rule_bits & critical) != 0, self.repeat_codes != 0, *self.is_orphan]
        )


@dataclass
class _Tally:
    """Counts of the rows and values written so far."""

    rows_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Tally) -> None:
        """Add the counts of another tally."""
        self.rows_out += other.rows_out
        self.dropped.update(other.dropped)
        self.emptied.update(other.emptied)


def list_raw_partitions(night: Night) -> list[Path]:
    """Return the raw partitions of a night, one per source.

    Raises:
        MissingPartition: If the night has not landed.
    """
    for source in CONTRACTS:
        if not night.lake.has(f"raw/{source}", night.logical_date):
            raise MissingPartition(
                f"raw/{source} has no partition for {night.logical_date}: nothing was validated. First run "
                f"`handpick land --date {night.logical_date}`, or `handpick night`, which runs all stages."
            )
    return [night.lake.partition(f"raw/{source}", night.logical_date) for source in CONTRACTS]


def validate_source(engine: Engine, night: Night, contract: Contract) -> ValidationOutcome:
    """Write `valid/<source>` and `quarantine/<source>` for a night.

    Args:
        engine: The engine that evaluates the row rules.
        night: The night, whose raw rows have landed.
        contract: The contract of the source.

    Returns:
        The ledger line and the counts of emptied values.
    """
    folder = night.lake.partition(f"raw/{contract.source}", night.logical_date)
    rows_in = count_rows(folder)
    is_first = night.lake.latest_date_before(f"valid/{contract.source}", night.logical_date) is None
    rules = build_rules(contract, night.as_of, is_first_night=is_first)
    total = _Tally()
    writing = night.lake.replace_partition
    with (
        writing(f"valid/{contract.source}", night.logical_date) as valid,
        writing(f"quarantine/{contract.source}", night.logical_date) as quarantine,
    ):
        # Inside the staging folder of the partition, so that a killed night leaves nothing behind.
        staged = valid / ".checked"
        checked = check_rows(engine, contract, folder, rules, staged)
        marks = _find_violations(night, contract, checked, rules)

        def write_batch(number: int, marks_of_batch: RowViolations) -> _Tally:
            rows, tally, name = checked.read_batch(number), _Tally(), f"part-{number:05d}.parquet"
            is_bad = marks_of_batch.mask_quarantined(_select_bits(rules, "critical"))
            good = rows.select(contract.arrow_schema().names).filter(pa.array(~is_bad))
            # Where chunks end depends on the engine, and shows in a file's pages.
            good = good.combine_chunks()
            _write_valid(night, contract, good, valid / name, tally)
            _count_emptied(rules, marks_of_batch.rule_bits[~is_bad], tally)
            bad = rows.select(list(ORIGIN)).filter(pa.array(is_bad))
            raw = _read_raw(contract, checked, number, bad)
            _write_quarantine(
                contract, rules, raw, _select_marks(marks_of_batch, is_bad), quarantine / name, tally
            )
            return tally

        with ThreadPoolExecutor(PARALLEL_BATCHES) as pool:
            for tally in pool.map(write_batch, count(), marks):
                total.add(tally)
        if not marks:
            write_parquet(contract.arrow_schema().empty_table(), valid / "part-00000.parquet")
            write_parquet(contract.quarantine_schema().empty_table(), quarantine / "part-00000.parquet")
        shutil.rmtree(staged, ignore_errors=True)  # absent where nothing landed
    flow = Flow(contract.source, rows_in, total.rows_out, total.dropped)
    return ValidationOutcome(flow, dict(sorted(total.emptied.items())))


def _find_violations(
    night: Night, contract: Contract, checked: CheckedRows, rules: list[Rule]
) -> list[RowViolations]:
    """Return the rules that rows of each batch break, including unknown foreign keys and repeated keys."""
    known = [_read_known_keys(night, reference.source, reference.key) for reference in contract.references]
    columns = [RULE_BITS_COLUMN, KEY_HASH_COLUMN, *(reference.column for reference in contract.references)]
    found: list[tuple[npt.NDArray[np.int64], list[Mask]]] = []
    hashes = []
    for rows in checked.read(columns):
        orphans = [
            pc.and_not(
                pc.is_valid(rows.column(reference.column)), pc.is_in(rows.column(reference.column), values)
            ).to_numpy()
            for reference, values in zip(contract.references, known, strict=True)
        ]
        found.append((rows.column(RULE_BITS_COLUMN).to_numpy(), orphans))
        hashes.append(rows.column(KEY_HASH_COLUMN).to_numpy())
    critical = _select_bits(rules, "critical")
    late = sum(1 << place for place, rule in enumerate(rules) if rule.is_lateness)
    # Rows that are quarantined anyway must not make an intact row with the same key a repetition.
    is_valid = [~np.logical_or.reduce([(broken & critical) != 0, *orphans]) for broken, orphans in found]
    is_late = [
        ~np.logical_or.reduce([(broken & critical) != late, *orphans]) & (late > 0)
        for broken, orphans in found
    ]
    codes = find_repeated_keys(night, contract, checked, hashes, is_valid, is_late)
    # Old rows that an earlier night has are harmless: whoever sends the whole log is not late with them.
    return [
        RowViolations(np.where(code == KNOWN_CODE, broken & ~late, broken), orphans, code)
        for (broken, orphans), code in zip(found, codes, strict=True)
    ]


def _read_known_keys(night: Night, source: str, key: str) -> pa.Array:
    """Return the distinct values of a key in the valid rows of this night and all earlier ones."""
    table = f"valid/{source}"
    values = [
        night.lake.read(table, day, [key]).column(0)
        for day in night.lake.list_dates(table, night.logical_date)
    ]
    return pa.chunked_array([chunk for column in values for chunk in column.chunks], pa.string()).unique()


def _select_bits(rules: list[Rule], severity: str) -> int:
    """Return the bits of all rules of a severity."""
    return sum(1 << place for place, rule in enumerate(rules) if rule.severity == severity)


def _select_marks(marks: RowViolations, chosen: Mask) -> RowViolations:
    """Return the violations of some rows."""
    return RowViolations(
        marks.rule_bits[chosen], [mask[chosen] for mask in marks.is_orphan], marks.repeat_codes[chosen]
    )


def _write_valid(night: Night, contract: Contract, good: pa.Table, file: Path, tally: _Tally) -> None:
    """Write the valid rows of a batch, without the paths of unusable media files, and count them."""
    if find_media_columns(contract.column_names):
        settings = night.settings
        good, lost = blank_unusable_media(
            night.lake, settings.path(settings.lake.media), settings.validation, good
        )
        tally.emptied.update(lost)
    write_parquet(good, file)
    tally.rows_out += good.num_rows


def _count_emptied(rules: list[Rule], broken: npt.NDArray[np.int64], tally: _Tally) -> None:
    """Count the values of valid rows that broke a warning rule, by reason."""
    for place, rule in enumerate(rules):
        count = int(np.count_nonzero(broken & (1 << place))) if rule.severity == "warning" else 0
        if count:
            tally.emptied[rule.reason] += count


def _read_raw(contract: Contract, checked: CheckedRows, number: int, bad: pa.Table) -> pa.Table:
    """Return the raw rows of the quarantined rows of a batch, in the same order."""
    found = [contract.raw_schema().empty_table()]
    for name, file in checked.batches[number].landed.items():
        lines = bad.filter(pc.equal(bad.column(ORIGIN[0]), name)).column(ORIGIN[1])
        if len(lines):
            # Quarantine keeps the text that arrived, which the typed rows no longer have.
            raw = pq.read_table(file, schema=contract.raw_schema())
            raw = raw.filter(pc.is_in(raw.column(ORIGIN[1]), lines.combine_chunks()))
            found.append(raw.sort_by(ORIGIN[1]))
    return pa.concat_tables(found).combine_chunks()


def _write_quarantine(
    contract: Contract, rules: list[Rule], raw: pa.Table, marks: RowViolations, file: Path, tally: _Tally
) -> None:
    """Write the quarantined rows of a batch, with every rule that they break and the offending values."""
    reasons = _list_reasons(contract, rules, marks)
    columns = {name: raw.column(name).to_pylist() for name in contract.column_names}
    values = [
        json.dumps(
            [_describe_violation(reason, column, columns, row) for reason, column in broken],
            ensure_ascii=False,
        )
        for row, broken in enumerate(reasons)
    ]
    named = [[reason for reason, _ in broken] for broken in reasons]
    tally.dropped.update(names[0] for names in named)
    added = [
        pa.array(named, pa.list_(pa.string())),
        pa.array(values, pa.string()),
        pa.array([contract.version] * len(named), pa.string()),
    ]
    schema = contract.quarantine_schema()
    write_parquet(pa.table([*raw.columns, *added], schema=schema), file)


def _list_reasons(
    contract: Contract, rules: list[Rule], marks: RowViolations
) -> list[list[tuple[str, str | None]]]:
    """Return the reasons for each row's quarantine, with their columns, in the order of the ledger."""
    critical = [(1 << place, rule) for place, rule in enumerate(rules) if rule.severity == "critical"]
    # Few combinations of broken rules occur: each is decoded once.
    by_bits = {
        bits: [(rule.reason, rule.column) for bit, rule in critical if bits & bit]
        for bits in np.unique(marks.rule_bits).tolist()
    }
    found: list[list[tuple[str, str | None]]] = [list(by_bits[bits]) for bits in marks.rule_bits.tolist()]
    for row in np.flatnonzero(marks.repeat_codes).tolist():
        found[row].append((str(REPEAT_REASONS[marks.repeat_codes[row]]), contract.key[0]))
    for reference, mask in zip(contract.references, marks.is_orphan, strict=True):
        reason = format_orphan_reason(reference.column, reference.source)
        for row in np.flatnonzero(mask).tolist():
            found[row].append((reason, reference.column))
    return found


def _describe_violation(
    reason: str, column: str | None, columns: dict[str, list[str | None]], row: int
) -> dict[str, str]:
    """Return one broken rule as JSON, with its column and value where it has them."""
    entry = {"rule": reason} | ({"column": column} if column else {})
    value = columns[column][row] if column else None
    return entry if value is None else {**entry, "value": value}
