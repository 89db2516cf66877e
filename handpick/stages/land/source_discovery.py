"""Discovers which files or tables of an owner hold the four sources, and proposes a mapping for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from handpick.contracts import CONTRACTS, Column, Contract
from handpick.errors import InputError
from handpick.stages.land.mapping_inference import (
    CONTRACT_VALUES,
    InferredMapping,
    infer_mapping,
    infer_time_format,
)
from handpick.stages.land.name_similarity import score_name, score_table_name
from handpick.stages.land.pending_files import READABLE_SUFFIXES
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

MAX_SAMPLED_ROWS = 5_000
SHOWN_SAMPLES = 3
MIN_CONFIDENCE = 0.55
"""Matches of columns below this confidence are not proposed."""


@dataclass(frozen=True)
class ColumnMatch:
    """A contract column, the most likely column of the owner (None for none), and samples of its values."""

    column: str
    owner_column: str | None
    confidence: float
    samples: tuple[str, ...]
    is_required: bool


@dataclass(frozen=True)
class UnmatchedTable:
    """A file or table that is not the best match of any source, and the names of its columns."""

    where: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SourceProposal:
    """A source, the files or table that most likely hold it, and the mapping onto its contract.

    Args:
        source: The source.
        where: Path of the file or folder, or `table <name>`.
        rows: Number of rows that were sampled.
        matches: One per contract column.
        table: Name of the database table, or None for files.
        mapping: Inferred settings beyond the names of columns.
    """

    source: str
    where: str
    rows: int
    matches: tuple[ColumnMatch, ...]
    table: str | None = None
    mapping: InferredMapping = field(default_factory=InferredMapping)

    @property
    def score(self) -> float:
        """The score, 0 to 1: 0.8 × mean confidence (optional columns weigh 0.25) + 0.2 for the name."""
        weights = [(1.0 if match.is_required else 0.25, match.confidence) for match in self.matches]
        fit = sum(weight * confidence for weight, confidence in weights) / sum(
            weight for weight, _ in weights
        )
        found = {match.column for match in self.matches if match.owner_column}
        # Without any of the columns of which one is required, no row could be valid: the score is 0.
        has_content = not (either := CONTRACTS[self.source].any_of) or bool(found & set(either))
        return (0.8 * fit + 0.2 * score_table_name(self.source, self.table or self.where)) * has_content


def discover_sources(place: str) -> tuple[list[SourceProposal], list[UnmatchedTable]]:
    """Propose a mapping for each source found in a folder, file or database.

    Args:
        place: A path, or the SQLAlchemy URL of a database.

    Returns:
        At most one proposal per source, in the order of the contracts, and the files or tables that were not
        matched.

    Raises:
        InputError: If nothing in the place can be read as a table.
    """
    tables = list(_sample_database(place) if "://" in place else _sample_folder(Path(place)))
    if not tables:
        raise InputError(
            f"nothing in {place} can be read as a table: CSV, JSON, Parquet or a database is needed."
        )
    scored = [
        (proposal.score, proposal)
        for where, rows, name in tables
        for contract in CONTRACTS.values()
        if (proposal := propose_source(contract, where, rows, name)).score >= 0.3
    ]
    # Greedy by score: each source and each table is used once.
    best: dict[str, SourceProposal] = {}
    taken: set[str] = set()
    for _, proposal in sorted(scored, key=lambda pair: (-pair[0], pair[1].source)):
        if proposal.source not in best and proposal.where not in taken:
            best[proposal.source] = proposal
            taken.add(proposal.where)
    if "users" not in best and "events" in best:
        best["users"] = _propose_users(best["events"])
    rest = [
        UnmatchedTable(
            where, tuple(column for column in rows.column_names if column not in (RAW_COLUMN, LINE_COLUMN))
        )
        for where, rows, _ in tables
        if where not in taken
    ]
    return [best[source] for source in CONTRACTS if source in best], rest


def _propose_users(events: SourceProposal) -> SourceProposal:
    """Propose to take customers from the event log, for owners without a table of customers."""
    by_column = {match.column: match for match in events.matches}
    user, time = by_column["user_id"], by_column["occurred_at"]
    matches = tuple(
        replace(found, column=column.name, is_required=column.is_required)
        if (found := {"user_id": user, "signed_up_at": time}.get(column.name))
        else ColumnMatch(column.name, None, 0.0, (), column.is_required)
        for column in CONTRACTS["users"].columns
    )
    mapping = InferredMapping(constants={"consent": "true"}, first_per_key=True)
    for table in ("times", "patterns"):
        if "occurred_at" in (kept := getattr(events.mapping, table)):
            getattr(mapping, table)["signed_up_at"] = kept["occurred_at"]
    return SourceProposal("users", events.where, events.rows, matches, events.table, mapping)


def propose_source(contract: Contract, where: str, rows: pa.Table, name: str | None = None) -> SourceProposal:
    """Propose a mapping of a table onto one source; columns are matched greedily, each one once.

    Args:
        contract: The contract of the source.
        where: Path of the file or folder, or `table <name>`.
        rows: Sampled rows as text columns.
        name: Name of the database table, or None for files.
    """
    names = [column for column in rows.column_names if column not in (RAW_COLUMN, LINE_COLUMN)]
    samples = {column: _sample_values(rows, column) for column in names}
    pairs = sorted(
        (
            (
                0.7 * score_name(column.name, theirs) + 0.3 * _score_values(column, samples[theirs]),
                column.name,
                theirs,
            )
            for column in contract.columns
            for theirs in names
            if score_name(column.name, theirs) >= 0.6
        ),
        reverse=True,
    )
    chosen: dict[str, tuple[str, float]] = {}
    for confidence, column, theirs in pairs:
        if (
            confidence >= MIN_CONFIDENCE
            and column not in chosen
            and theirs not in {used for used, _ in chosen.values()}
        ):
            chosen[column] = (theirs, confidence)
    if (
        contract.source == "catalog"
        and "item_id" not in chosen
        and (unique := _find_id_column(contract, rows, names))
    ):
        chosen = {mine: found for mine, found in chosen.items() if found[0] != unique} | {
            "item_id": (unique, 0.5)
        }
    matches = []
    for declared in contract.columns:
        found = chosen.get(declared.name)
        shown = tuple(text[:40] for text in samples[found[0]][:SHOWN_SAMPLES]) if found else ()
        their_name, confidence = found or (None, 0.0)
        matches.append(ColumnMatch(declared.name, their_name, confidence, shown, declared.is_required))
    mapping = infer_mapping(contract, {mine: theirs for mine, (theirs, _) in chosen.items()}, samples)
    return SourceProposal(contract.source, where, rows.num_rows, tuple(matches), name, mapping)


def _find_id_column(contract: Contract, rows: pa.Table, names: list[str]) -> str | None:
    """Return a column of distinct, valid ids without nulls, preferably one named like an id; or None."""
    pattern = contract.column(contract.key[0]).pattern or ""
    candidates = [
        name
        for name in names
        if rows.num_rows > 1
        and len(set(values := rows.column(name).to_pylist())) == rows.num_rows
        and all(value is not None and re.fullmatch(pattern, value.strip()) for value in values)
    ]
    named_like_ids = [name for name in candidates if re.search(r"id|code|sku|url|link|number", name.lower())]
    return next(iter(named_like_ids or candidates), None)


def _sample_values(rows: pa.Table, column: str) -> list[str]:
    """Return the first 100 distinct non-empty values of a column."""
    values = (value for value in rows.column(column).to_pylist() if value is not None and value.strip())
    return [value for value, _ in zip(dict.fromkeys(values), range(100), strict=False)]


def _score_values(column: Column, samples: list[str]) -> float:
    """Return the share of samples that are valid, unchanged or with the settings that would be inferred."""
    if not samples:
        return 0.0
    if column.type in ("timestamp", "date") and any(infer_time_format(samples)):
        return 0.9
    return sum(_score_value(column, sample.strip()) for sample in samples) / len(samples)


def _score_value(column: Column, text: str) -> float:
    """Return 1 for a valid text, less for one that a mapping could make valid, 0 for others."""
    if column.type == "number":
        is_amount = len(text) < 24 and any(char.isdigit() for char in text)
        return 1.0 if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else 0.8 * is_amount
    if column.type in ("timestamp", "date"):
        return float(re.match(r"\d{4}-\d{2}-\d{2}", text) is not None)
    if column.type == "boolean":
        known = {"true", "false", "t", "f", "yes", "no", "y", "n"}
        return float(text.lower() in known or text.isdigit()) or 0.9 * (
            CONTRACT_VALUES.get(text.lower()) in known
        )
    if column.type == "json":
        return float(text.startswith("{"))
    if column.allowed_values:
        return float(text.lower() in column.allowed_values) or 0.9 * (
            CONTRACT_VALUES.get(text.lower()) in column.allowed_values
        )
    return float(re.fullmatch(column.pattern, text) is not None) if column.pattern else 1.0


def _sample_folder(place: Path) -> Iterator[tuple[str, pa.Table, str | None]]:
    """Yield each kind of file in a folder as (place, sampled rows, None).

    Files of one folder whose names differ only in digits are one kind, of which the first is sampled; a
    folder that holds a single kind stands for it.
    """
    from handpick.stages.land.file_formats import read_file

    if not place.exists():
        raise InputError(f"there is no {place}")
    files = [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if file.is_file()]
    seen: set[tuple[Path, str]] = set()
    kinds = {
        (file.parent, re.sub(r"\d+", "#", file.name))
        for file in files
        if file.suffix.lower() in READABLE_SUFFIXES
    }
    for file in files:
        kind = (file.parent, re.sub(r"\d+", "#", file.name))
        if kind not in kinds or kind in seen:
            continue
        try:
            rows = read_file(file)
        except InputError:
            continue
        seen.add(kind)
        # A folder of files of one kind is the landing folder of a source, also for later files.
        is_alone = sum(parent == file.parent for parent, _ in kinds) == 1 and not place.is_file()
        where = file.parent if is_alone and file.parent != place else file
        yield str(where.resolve()), rows.slice(0, MAX_SAMPLED_ROWS), None


def _sample_database(url: str) -> Iterator[tuple[str, pa.Table, str | None]]:
    """Yield each table of a database as (place, sampled rows, name)."""
    from sqlalchemy import MetaData, create_engine, inspect, select
    from sqlalchemy.exc import SQLAlchemyError

    from handpick.stages.land.sql import describe_database_error, format_database_value

    try:
        engine = create_engine(url)
        names = inspect(engine).get_table_names()
        metadata = MetaData()
        metadata.reflect(engine, only=names)
        with engine.connect() as connection:
            for name in names:
                result = connection.execute(select(metadata.tables[name]).limit(MAX_SAMPLED_ROWS))
                columns = list(result.keys())
                values = list(zip(*result.fetchall(), strict=True)) or [()] * len(columns)
                texts = [
                    pa.array([format_database_value(value) for value in column], pa.string())
                    for column in values
                ]
                yield f"table {name}", pa.table(texts, names=columns), name
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise InputError(f"the database did not answer: {describe_database_error(error)}") from None
