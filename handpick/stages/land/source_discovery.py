"""What an owner's folder, file or database holds, and how it may map onto the four sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from handpick.contracts import CONTRACTS, Column, Contract
from handpick.errors import InputError
from handpick.stages.land.mapping_inference import OURS, Completion, completed, time_form
from handpick.stages.land.pending_files import SUFFIXES
from handpick.stages.land.proposals import name_score, table_score
from handpick.stages.land.rows import LINE, RAW

LOOKED_AT = 5_000
SAMPLES = 3
LEAST = 0.55
"""Matches below this confidence are not proposed."""


@dataclass(frozen=True)
class Match:
    """A contract column and the owner's column that it is most likely, with samples of its values."""

    column: str
    theirs: str | None
    confidence: float
    samples: tuple[str, ...]
    is_required: bool


@dataclass(frozen=True)
class Unplaced:
    """A file or table that is no source's best, and the names of its columns."""

    where: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """A source and the owner's files or table that it most likely is."""

    source: str
    where: str
    rows: int
    matches: tuple[Match, ...]
    table: str | None = None
    completion: Completion = field(default_factory=Completion)

    @property
    def score(self) -> float:
        """How well the source fits, 0 to 1: the mean confidence over its required columns and half of the others."""
        weights = [(1.0 if match.is_required else 0.25, match.confidence) for match in self.matches]
        fit = sum(weight * confidence for weight, confidence in weights) / sum(
            weight for weight, _ in weights
        )
        found = {match.column for match in self.matches if match.theirs}
        says_something = not (either := CONTRACTS[self.source].any_of) or bool(found & set(either))
        return (0.8 * fit + 0.2 * table_score(self.source, self.table or self.where)) * says_something


def discover(place: str) -> tuple[list[Proposal], list[Unplaced]]:
    """One proposal per source that something in the folder, file or database may be, in the sources' order; and the rest.

    Raises:
        InputError: If nothing there can be read as a table.
    """
    tables = list(_database(place) if "://" in place else _folder(Path(place)))
    if not tables:
        raise InputError(
            f"nothing in {place} can be read as a table: CSV, JSON, Parquet or a database is needed."
        )
    scored = [
        (proposal.score, proposal)
        for where, rows, name in tables
        for contract in CONTRACTS.values()
        if (proposal := propose(contract, where, rows, name)).score >= 0.3
    ]
    best: dict[str, Proposal] = {}
    taken: set[str] = set()
    for _, proposal in sorted(scored, key=lambda pair: (-pair[0], pair[1].source)):
        if proposal.source not in best and proposal.where not in taken:
            best[proposal.source] = proposal
            taken.add(proposal.where)
    if "users" not in best and "events" in best:
        best["users"] = _users_of(best["events"])
    rest = [
        Unplaced(where, tuple(column for column in rows.column_names if column not in (RAW, LINE)))
        for where, rows, _ in tables
        if where not in taken
    ]
    return [best[source] for source in CONTRACTS if source in best], rest


def _users_of(events: Proposal) -> Proposal:
    """Customers taken from a log, for owners who have no table of them."""
    mine = {match.column: match for match in events.matches}
    who, when = mine["user_id"], mine["occurred_at"]
    matches = tuple(
        replace(found, column=column.name, is_required=column.is_required)
        if (found := {"user_id": who, "signed_up_at": when}.get(column.name))
        else Match(column.name, None, 0.0, (), column.is_required)
        for column in CONTRACTS["users"].columns
    )
    completion = Completion(constants={"consent": "true"}, first_per_key=True)
    for table in ("times", "patterns"):
        if "occurred_at" in (kept := getattr(events.completion, table)):
            getattr(completion, table)["signed_up_at"] = kept["occurred_at"]
    return Proposal("users", events.where, events.rows, matches, events.table, completion)


def propose(contract: Contract, where: str, rows: pa.Table, name: str | None = None) -> Proposal:
    """How a table may map onto one source: each of its columns is used once, the surest match first."""
    names = [column for column in rows.column_names if column not in (RAW, LINE)]
    samples = {column: _samples(rows, column) for column in names}
    pairs = sorted(
        (
            (
                0.7 * name_score(column.name, theirs) + 0.3 * _value_score(column, samples[theirs]),
                column.name,
                theirs,
            )
            for column in contract.columns
            for theirs in names
            if name_score(column.name, theirs) >= 0.6
        ),
        reverse=True,
    )
    chosen: dict[str, tuple[str, float]] = {}
    for confidence, column, theirs in pairs:
        if (
            confidence >= LEAST
            and column not in chosen
            and theirs not in {used for used, _ in chosen.values()}
        ):
            chosen[column] = (theirs, confidence)
    if (
        contract.source == "catalog"
        and "item_id" not in chosen
        and (unique := _unique(contract, rows, names))
    ):
        chosen = {mine: found for mine, found in chosen.items() if found[0] != unique} | {
            "item_id": (unique, 0.5)
        }
    matches = []
    for declared in contract.columns:
        found = chosen.get(declared.name)
        shown = tuple(text[:40] for text in samples[found[0]][:SAMPLES]) if found else ()
        their_name, confidence = found or (None, 0.0)
        matches.append(Match(declared.name, their_name, confidence, shown, declared.is_required))
    completion = completed(contract, {mine: theirs for mine, (theirs, _) in chosen.items()}, samples)
    return Proposal(contract.source, where, rows.num_rows, tuple(matches), name, completion)


def _unique(contract: Contract, rows: pa.Table, names: list[str]) -> str | None:
    """A column that could identify the rows: never empty, never twice the same; one that sounds like it is best."""
    pattern = contract.column(contract.key[0]).pattern or ""
    fitting = [
        name
        for name in names
        if rows.num_rows > 1
        and len(set(values := rows.column(name).to_pylist())) == rows.num_rows
        and all(value is not None and re.fullmatch(pattern, value.strip()) for value in values)
    ]
    likely = [name for name in fitting if re.search(r"id|code|sku|url|link|number", name.lower())]
    return next(iter(likely or fitting), None)


def _samples(rows: pa.Table, column: str) -> list[str]:
    """The first different values that hold something."""
    values = (value for value in rows.column(column).to_pylist() if value is not None and value.strip())
    return [value for value, _ in zip(dict.fromkeys(values), range(100), strict=False)]


def _value_score(column: Column, samples: list[str]) -> float:
    """The share of samples that the contract would take, at once or read as the completion proposes."""
    if not samples:
        return 0.0
    if column.type in ("timestamp", "date") and any(time_form(samples)):
        return 0.9
    return sum(_fits(column, sample.strip()) for sample in samples) / len(samples)


def _fits(column: Column, text: str) -> float:
    if column.type == "number":
        is_amount = len(text) < 24 and any(char.isdigit() for char in text)
        return 1.0 if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else 0.8 * is_amount
    if column.type in ("timestamp", "date"):
        return float(re.match(r"\d{4}-\d{2}-\d{2}", text) is not None)
    if column.type == "boolean":
        known = {"true", "false", "t", "f", "yes", "no", "y", "n"}
        return float(text.lower() in known or text.isdigit()) or 0.9 * (OURS.get(text.lower()) in known)
    if column.type == "json":
        return float(text.startswith("{"))
    if column.one_of:
        return float(text.lower() in column.one_of) or 0.9 * (OURS.get(text.lower()) in column.one_of)
    return float(re.fullmatch(column.pattern, text) is not None) if column.pattern else 1.0


def _folder(place: Path) -> Iterator[tuple[str, pa.Table, str | None]]:
    """Files that can be read; files of one folder that differ only in digits are one source, shown by their folder."""
    from handpick.stages.land.adapters import read_file

    if not place.exists():
        raise InputError(f"there is no {place}")
    files = [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if file.is_file()]
    seen: set[tuple[Path, str]] = set()
    kinds = {
        (file.parent, re.sub(r"\d+", "#", file.name)) for file in files if file.suffix.lower() in SUFFIXES
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
        is_alone = sum(parent == file.parent for parent, _ in kinds) == 1 and not place.is_file()
        where = file.parent if is_alone and file.parent != place else file
        yield str(where.resolve()), rows.slice(0, LOOKED_AT), None


def _database(url: str) -> Iterator[tuple[str, pa.Table, str | None]]:
    from sqlalchemy import MetaData, create_engine, inspect, select
    from sqlalchemy.exc import SQLAlchemyError

    from handpick.stages.land.sql import as_text

    try:
        engine = create_engine(url)
        names = inspect(engine).get_table_names()
        metadata = MetaData()
        metadata.reflect(engine, only=names)
        with engine.connect() as connection:
            for name in names:
                result = connection.execute(select(metadata.tables[name]).limit(LOOKED_AT))
                columns = list(result.keys())
                values = list(zip(*result.fetchall(), strict=True)) or [()] * len(columns)
                texts = [pa.array([as_text(value) for value in column], pa.string()) for column in values]
                yield f"table {name}", pa.table(texts, names=columns), name
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        raise InputError(f"the database did not answer: {reason}") from None
