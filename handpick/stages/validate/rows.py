"""What becomes of every landed row: valid in the contract's types, or whole in quarantine with every rule it breaks."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import CONTRACTS, ORIGIN, Contract
from handpick.contracts.rules import Rule, rules_of, stranger_reason
from handpick.lake.media import media_columns, without_unusable
from handpick.lake.partitions import rows_of, write_parquet
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.validate.key_checks import REASONS, repeats
from handpick.stages.validate.row_checks import BROKEN, KEY, TOGETHER, Judged, judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """What became of a source's rows tonight.

    Args:
        flow: The ledger line; a row counts under the first rule that it breaks.
        emptied: Values that were emptied while their row went on, by reason.
    """

    flow: Flow
    emptied: dict[str, int]


@dataclass(frozen=True)
class Marks:
    """For each row of a batch, what it breaks.

    Args:
        broken: Its own rules, a bit each, the warnings among them.
        strangers: For each reference, whether its value is unknown.
        repeat: Place in `REASONS` of why its key is not new.
    """

    broken: npt.NDArray[np.int64]
    strangers: list[Mask]
    repeat: npt.NDArray[np.int8]

    def is_bad(self, critical: int) -> Mask:
        """Rows that break a rule that sets them aside."""
        return np.logical_or.reduce([(self.broken & critical) != 0, self.repeat != 0, *self.strangers])


@dataclass
class _Tally:
    """What has been written so far."""

    rows_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Tally) -> None:
        """Count what another has counted too."""
        self.rows_out += other.rows_out
        self.dropped.update(other.dropped)
        self.emptied.update(other.emptied)


def landed(night: Night) -> list[Path]:
    """The partitions of what landed tonight."""
    return [night.lake.partition(f"raw/{source}", night.logical_date) for source in CONTRACTS]


def validate_source(spark: SparkSession, night: Night, contract: Contract) -> Verdict:
    """Write `valid/<source>` and `quarantine/<source>` for the night."""
    folder = night.lake.partition(f"raw/{contract.source}", night.logical_date)
    rows_in = rows_of(folder)
    is_first = night.lake.before(f"valid/{contract.source}", night.logical_date) is None
    rules = rules_of(contract, night.as_of, is_first_night=is_first)
    total = _Tally()
    writing = night.lake.writing
    with (
        writing(f"valid/{contract.source}", night.logical_date) as valid,
        writing(f"quarantine/{contract.source}", night.logical_date) as aside,
    ):
        staged = valid / ".spark"
        judged = judge(spark, contract, folder, rules, staged)
        marks = _marks(night, contract, judged, rules)

        def written(number: int, mine: Marks) -> _Tally:
            rows, tally, name = judged.batch(number), _Tally(), f"part-{number:05d}.parquet"
            is_bad = mine.is_bad(_bits(rules, "critical"))
            good = rows.select(contract.arrow_schema().names).filter(pa.array(~is_bad))
            _write_valid(night, contract, good, valid / name, tally)
            _count_emptied(rules, mine.broken[~is_bad], tally)
            bad = rows.select(list(ORIGIN)).filter(pa.array(is_bad))
            raw = _landed(contract, judged, number, bad)
            _write_quarantine(contract, rules, raw, _only(mine, is_bad), aside / name, tally)
            return tally

        with ThreadPoolExecutor(TOGETHER) as pool:
            for tally in pool.map(written, count(), marks):
                total.add(tally)
        if not marks:
            write_parquet(contract.arrow_schema().empty_table(), valid / "part-00000.parquet")
            write_parquet(contract.quarantine_schema().empty_table(), aside / "part-00000.parquet")
        shutil.rmtree(staged, ignore_errors=True)  # not there where nothing landed
    flow = Flow(contract.source, rows_in, total.rows_out, total.dropped)
    return Verdict(flow, dict(sorted(total.emptied.items())))


def _marks(night: Night, contract: Contract, judged: Judged, rules: list[Rule]) -> list[Marks]:
    """What the rows of each batch break, the night and all nights before it considered."""
    known = [_known(night, reference.source, reference.key) for reference in contract.references]
    columns = [BROKEN, KEY, *(reference.column for reference in contract.references)]
    found: list[tuple[npt.NDArray[np.int64], list[Mask]]] = []
    hashes = []
    for rows in judged.read(columns):
        strangers = [
            pc.and_not(
                pc.is_valid(rows.column(reference.column)), pc.is_in(rows.column(reference.column), values)
            ).to_numpy()
            for reference, values in zip(contract.references, known, strict=True)
        ]
        found.append((rows.column(BROKEN).to_numpy(), strangers))
        hashes.append(rows.column(KEY).to_numpy())
    critical = _bits(rules, "critical")
    is_whole = [~np.logical_or.reduce([(broken & critical) != 0, *strangers]) for broken, strangers in found]
    codes = repeats(night, contract, judged, hashes, is_whole)
    return [Marks(*marks, repeat) for marks, repeat in zip(found, codes, strict=True)]


def _known(night: Night, source: str, key: str) -> pa.Array:
    """Every value of a key that is valid tonight or on an earlier night."""
    table = f"valid/{source}"
    values = [
        night.lake.read(table, day, [key]).column(0) for day in night.lake.dates(table, night.logical_date)
    ]
    return pa.chunked_array([chunk for column in values for chunk in column.chunks], pa.string()).unique()


def _bits(rules: list[Rule], severity: str) -> int:
    """The bits of all rules of a severity."""
    return sum(1 << place for place, rule in enumerate(rules) if rule.severity == severity)


def _only(marks: Marks, chosen: Mask) -> Marks:
    return Marks(marks.broken[chosen], [mask[chosen] for mask in marks.strangers], marks.repeat[chosen])


def _write_valid(night: Night, contract: Contract, good: pa.Table, file: Path, tally: _Tally) -> None:
    if media_columns(contract.names):
        settings = night.settings
        good, lost = without_unusable(
            night.lake, settings.path(settings.lake.media), settings.validation, good
        )
        tally.emptied.update(lost)
    write_parquet(good, file)
    tally.rows_out += good.num_rows


def _count_emptied(rules: list[Rule], broken: npt.NDArray[np.int64], tally: _Tally) -> None:
    for place, rule in enumerate(rules):
        count = int(np.count_nonzero(broken & (1 << place))) if rule.severity == "warning" else 0
        if count:
            tally.emptied[rule.reason] += count


def _landed(contract: Contract, judged: Judged, number: int, bad: pa.Table) -> pa.Table:
    """The bad rows of a batch as they landed, in the same order."""
    found = [contract.raw_schema().empty_table()]
    for name, file in judged.batches[number].landed.items():
        lines = bad.filter(pc.equal(bad.column(ORIGIN[0]), name)).column(ORIGIN[1])
        if len(lines):
            raw = pq.read_table(file, schema=contract.raw_schema())
            raw = raw.filter(pc.is_in(raw.column(ORIGIN[1]), lines.combine_chunks()))
            found.append(raw.sort_by(ORIGIN[1]))
    return pa.concat_tables(found)


def _write_quarantine(
    contract: Contract, rules: list[Rule], raw: pa.Table, marks: Marks, file: Path, tally: _Tally
) -> None:
    """Write the bad rows whole, with every rule that they break and the values that break it."""
    reasons = _reasons(contract, rules, marks)
    columns = {name: raw.column(name).to_pylist() for name in contract.names}
    values = [
        json.dumps([_entry(reason, column, columns, row) for reason, column in broken], ensure_ascii=False)
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


def _reasons(contract: Contract, rules: list[Rule], marks: Marks) -> list[list[tuple[str, str | None]]]:
    """For each row, the rules that it breaks with the column of each, in the ledger's order."""
    critical = [(1 << place, rule) for place, rule in enumerate(rules) if rule.severity == "critical"]
    own = {
        bits: [(rule.reason, rule.column) for bit, rule in critical if bits & bit]
        for bits in np.unique(marks.broken).tolist()
    }
    found: list[list[tuple[str, str | None]]] = [list(own[bits]) for bits in marks.broken.tolist()]
    for row in np.flatnonzero(marks.repeat).tolist():
        found[row].append((str(REASONS[marks.repeat[row]]), contract.key[0]))
    for reference, mask in zip(contract.references, marks.strangers, strict=True):
        reason = stranger_reason(reference.column, reference.source)
        for row in np.flatnonzero(mask).tolist():
            found[row].append((reason, reference.column))
    return found


def _entry(reason: str, column: str | None, columns: dict[str, list[str | None]], row: int) -> dict[str, str]:
    """One broken rule with its column and value, where there are such."""
    entry = {"rule": reason} | ({"column": column} if column else {})
    value = columns[column][row] if column else None
    return entry if value is None else {**entry, "value": value}
