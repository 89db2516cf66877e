"""Discovers which files or tables of an owner hold the four sources, and proposes a mapping for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import CONTRACTS, Column, Contract
from handpick.errors import InputError
from handpick.stages.land.compression import strip_compression
from handpick.stages.land.doubts import read_doubts
from handpick.stages.land.full_exports import is_full_export
from handpick.stages.land.headless import has_no_header, name_columns
from handpick.stages.land.mapping_inference import (
    CONSENT_QUESTION,
    CONTRACT_VALUES,
    EMPTY_WORDS,
    InferredMapping,
    infer_mapping,
)
from handpick.stages.land.model_column import find_model_column
from handpick.stages.land.name_similarity import score_name, score_table_name
from handpick.stages.land.pending_files import can_hold_rows, parse_date_in_name
from handpick.stages.land.text_csv import CsvLayout
from handpick.stages.land.time_inference import infer_times
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

MAX_DATABASE_ROWS = 200_000
"""Rows of a database table that are read, for lack of a file that ends."""
MAX_READ_BYTES = 1 << 30
"""Bytes of the files of one kind that are read; of more, the first and the five last files are."""
SAMPLED_VALUES = 100
SUBSTITUTED_COLUMNS = {"item_id": 0.4, "in_stock": 0.1, "updated_at": 0.1}
"""Required columns that many catalogues lack, and their weights there."""
MIN_UNIQUE_ROWS = 10
"""Rows from which a column of distinct values is taken for an id whatever its name."""
ATTRIBUTE_WORDS = frozenset(
    ("price", "battery", "weight", "display", "screen", "camera", "processor", "chipset", "storage",
     "memory", "ram", "rom", "capacity", "color", "colour", "date", "time", "year", "rating", "reviews",
     "image", "size")
)  # fmt: skip
"""Words in the names of columns that are no ids."""
VARIANT_WORDS = frozenset(
    ("storage", "rom", "memory", "ram", "capacity", "color", "colour", "farbe", "speicher", "almacenamiento",
     "stockage", "memoria", "variant", "size", "store", "year", "颜色", "容量")
)  # fmt: skip
"""Words in the names of columns that tell variants apart."""
SPEC_WORDS = frozenset(
    ("battery", "display", "screen", "camera", "cameras", "processor", "chipset", "storage", "memory", "ram",
     "rom", "akku", "kamera", "bildschirm", "batterie", "ecran", "écran", "memoire", "mémoire", "bateria",
     "batería", "pantalla", "camara", "cámara", "tela", "câmera", "memória", "batteria", "schermo", "memoria",
     "fotocamera", "экран", "память", "аккумулятор", "камера", "ekran", "pamięć", "电池", "屏幕", "内存",
     "摄像头")
)  # fmt: skip
SPEC_TEXT = re.compile(r"(?i)\d ?(?:[gt]b|go|гб|mah|mpx?)\b")
MIN_SPEC_COLUMNS = 3
"""Columns named by such words that only a catalogue of phones has."""
MIN_OVERLAP = 0.7
"""Share of common columns from which files of a folder are parts of one table."""
MIN_FILLED = 0.5
"""Share of the rows in which a required column must have a value."""
MIN_DISTINCT = 0.9
"""Share of distinct values that the key of a log must have; some exports repeat a few rows."""
SHOWN_SAMPLES = 3
MODEL_ID = "model_id"
MEDIA_COLUMNS = frozenset(("image_path", "audio_path"))
MIN_CONFIDENCE = 0.55
"""Matches of columns below this confidence are not proposed."""


Parts = list[tuple[Path, pa.Table]]
"""Files of one kind with their rows."""


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
        rows: Number of rows that were read.
        matches: One per contract column.
        table: Name of the database table, or None for files.
        mapping: Inferred settings beyond the names of columns.
        is_of_phones: Whether the table's columns are those of phones, whatever its name.
    """

    source: str
    where: str
    rows: int
    matches: tuple[ColumnMatch, ...]
    table: str | None = None
    mapping: InferredMapping = field(default_factory=InferredMapping)
    is_of_phones: bool = False

    @property
    def score(self) -> float:
        """The score, 0 to 1: 0.8 × mean confidence (optional columns weigh 0.25) + 0.2 for the name."""
        # A column of models is looked for only after the others, and says nothing of what a table is.
        judged = [match for match in self.matches if match.column != MODEL_ID]
        weights = [(self._weigh(match), match.confidence) for match in judged]
        fit = sum(weight * confidence for weight, confidence in weights) / sum(
            weight for weight, _ in weights
        )
        found = {match.column for match in self.matches if match.owner_column}
        # Without any of the columns of which one is required, no row could be valid: the score is 0.
        has_content = not (either := CONTRACTS[self.source].any_of) or bool(found & set(either))
        is_named = max(score_table_name(self.source, self.table or self.where), self.is_of_phones)
        return (0.8 * fit + 0.2 * is_named) * has_content

    def _weigh(self, match: ColumnMatch) -> float:
        """Return the weight of a column: ids of catalogues can be joined, and few state stock and changes."""
        if self.source == "catalog" and not match.owner_column and match.column in SUBSTITUTED_COLUMNS:
            return SUBSTITUTED_COLUMNS[match.column]
        return 1.0 if match.is_required else 0.25


@dataclass(frozen=True)
class OwnerTable:
    """A table of the owner's: the files of one kind, or a table of a database.

    Args:
        where: Path of the file or folder, or `table <name>`.
        rows: All rows, as text columns.
        name: Name of the database table, or None for files.
        parts: Name and number of rows of each file, in their order.
        doubts: Name of a file, and a doubt about how it was read.
        header: Names that the columns of files without a header line were given; empty for others.
    """

    where: str
    rows: pa.Table
    name: str | None = None
    parts: tuple[tuple[str, int], ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The owner's columns, without those that readers add."""
        return tuple(_list_names(self.rows))

    @cached_property
    def samples(self) -> dict[str, list[str]]:
        """Some distinct values of each column."""
        return {column: _sample_values(self.rows, column) for column in self.columns}


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
    unreadable: list[UnmatchedTable] = []
    tables = list(_read_database(place) if "://" in place else _read_folder(Path(place), unreadable))
    if not tables:
        told = f" {unreadable[0].columns[0]}" if unreadable else ""
        raise InputError(
            f"nothing in {place} can be read as a table: CSV, JSON, Parquet or a database is needed.{told}"
        )
    by_place = {table.where: table for table in tables}
    scored = [
        (proposal.score, proposal)
        for table in tables
        for contract in CONTRACTS.values()
        if (proposal := match_source(contract, table)).score >= 0.3
    ]
    # Greedy by score: each source and each table is used once.
    best: dict[str, SourceProposal] = {}
    taken: set[str] = set()
    for _, proposal in sorted(scored, key=lambda pair: (-pair[0], pair[1].source)):
        if proposal.source not in best and proposal.where not in taken:
            best[proposal.source] = proposal
            taken.add(proposal.where)
    best = {source: infer_settings(proposal, by_place[proposal.where]) for source, proposal in best.items()}
    strange = _find_log_of_other_products(best, by_place)
    if strange:
        best.pop("events")
        if "users" in best and best["users"].where == strange:
            best.pop("users")
    if "events" in best:
        log = by_place[best["events"].where]
        if "users" not in best:
            best["users"] = _propose_users(best["events"])
        if "catalog" not in best and (derived := _propose_catalog(best["events"], log)):
            best["catalog"] = derived
    unread = [table for table in tables if table.where not in taken]
    rest = [UnmatchedTable(table.where, table.columns) for table in unread]
    for proposal in best.values():
        if proposal.where in by_place:
            _ask_about_alike(proposal, by_place[proposal.where], unread)
    return [best[source] for source in CONTRACTS if source in best], [*rest, *unreadable]


def _ask_about_alike(proposal: SourceProposal, table: OwnerTable, rest: Sequence[OwnerTable]) -> None:
    """Add the question about tables that nothing reads though they have nearly the columns of a source."""
    names = set(table.rows.column_names)
    for other in rest:
        if _compute_overlap(names, set(other.rows.column_names)) >= MIN_OVERLAP:
            proposal.mapping.open_questions.append(
                f"{other.where} has nearly the same columns and is not read: put both into one folder, and "
                "set path to it"
            )


def _find_log_of_other_products(best: dict[str, SourceProposal], tables: dict[str, OwnerTable]) -> str:
    """Return where a log is of whose products the catalogue has none, and ask about it; empty for none."""
    if not {"catalog", "events"} <= best.keys():
        return ""
    ids = []
    for source in ("catalog", "events"):
        column = next(match.owner_column for match in best[source].matches if match.column == "item_id")
        if column is None:
            return ""
        ids.append(pc.unique(pc.utf8_trim_whitespace(tables[best[source].where].rows.column(column))))
    catalog, log = ids
    if len(log) < MIN_UNIQUE_ROWS or pc.any(pc.is_in(log, catalog)).as_py():
        return ""
    where = best["events"].where
    best["catalog"].mapping.open_questions.append(
        f"{where} is a log of other products, as none of its {len(log):,} is in the catalogue, and is not "
        "read: bring the catalogue that it belongs to, or set sources.events"
    )
    return where


def _propose_catalog(events: SourceProposal, log: OwnerTable) -> SourceProposal | None:
    """Propose to take the phones from the event log; None for one without ids of phones or times."""
    in_log = {match.column: match.owner_column for match in events.matches if match.owner_column}
    if not {"item_id", "occurred_at"} <= in_log.keys():
        return None
    kept = [name for name in log.columns if name not in in_log.values()]
    facts = [name for name in kept if _is_fact_of_item(log.rows, in_log["item_id"], name)]
    shown = OwnerTable(log.where, log.rows.select(kept), log.name, log.parts)
    found = {match.column: match for match in match_source(CONTRACTS["catalog"], shown).matches}
    given = {
        "item_id": in_log["item_id"],
        "updated_at": in_log["occurred_at"],
        **{
            column: match.owner_column
            for column, match in found.items()
            if column in ("title", "brand", "description", "price", "currency", "image_path")
            and match.owner_column
        },
    }
    told = [name for name in facts if re.search(r"categ|kind|class|类", name.lower())]
    matches = tuple(
        replace(
            found[column.name],
            owner_column=given.get(column.name),
            confidence=0.9 if column.name in given else 0.0,
            samples=tuple(text[:40] for text in log.samples[given[column.name]][:SHOWN_SAMPLES])
            if column.name in given
            else (),
        )
        for column in CONTRACTS["catalog"].columns
    )
    proposal = infer_settings(SourceProposal("catalog", log.where, log.rows.num_rows, matches, log.name), log)
    mapping = proposal.mapping
    mapping.first_per_key, mapping.mode = True, ""
    rest = [name for name in facts if name not in given.values()]
    mapping.collected = {"specs": rest} if rest else {}
    if "title" not in given:
        # A category is a text, not the number of one.
        named = [name for name in told if not log.samples[name][0].isdigit()][:1]
        parts = [*([given["brand"]] if "brand" in given else []), *named, given["item_id"]]
        mapping.joined["title"] = " ".join(f"{{{name}}}" for name in parts)
        mapping.open_questions.append(
            f"no column names the phones: title is joined from {', '.join(parts)}; set joined.title, or "
            "bring a catalogue"
        )
    mapping.open_questions.insert(
        0, "no catalogue was found: phones are taken from the events, each as its newest row says"
    )
    return proposal


def _is_fact_of_item(rows: pa.Table, item: str, name: str) -> bool:
    """Return whether a column of a log has one value for nearly each item, as a category has."""
    if item == name:
        return False
    pairs = rows.select([item, name]).drop_null().group_by([item]).aggregate([(name, "count_distinct")])
    counts = pairs.column(f"{name}_count_distinct")
    return bool(len(counts)) and pc.mean(pc.equal(counts, 1).cast(pa.float64())).as_py() >= MIN_DISTINCT


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
    mapping = InferredMapping(
        constants={"consent": "true"},
        first_per_key=True,
        open_questions=[CONSENT_QUESTION],
        header=list(events.mapping.header),
    )
    for table in ("times", "patterns"):
        if "occurred_at" in (kept := getattr(events.mapping, table)):
            getattr(mapping, table)["signed_up_at"] = kept["occurred_at"]
    return SourceProposal("users", events.where, events.rows, matches, events.table, mapping)


def match_source(contract: Contract, table: OwnerTable) -> SourceProposal:
    """Match the columns of a table with those of a source, greedily, each one once; infer no settings yet.

    Args:
        contract: The contract of the source.
        table: The table.
    """
    rows, samples = table.rows, table.samples
    names = list(table.columns)
    pairs = sorted(
        (
            (
                0.7 * score_name(column.name, theirs) + 0.3 * _score_values(column, samples[theirs]),
                column.name,
                theirs,
            )
            for column in contract.columns
            for theirs in names
            if column.name != MODEL_ID
            and score_name(column.name, theirs) >= 0.6
            # A sheet that is a text is collected, like a column for each spec.
            and not (column.type == "json" and not _score_values(column, samples[theirs]))
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
    words = [SPEC_WORDS & set(re.findall(r"[^\W_]+", name.lower())) for name in names]
    is_of_phones = contract.source == "catalog" and (
        sum(map(bool, words)) >= MIN_SPEC_COLUMNS or any(map(_state_memory, samples.values()))
    )
    return SourceProposal(
        contract.source, table.where, rows.num_rows, tuple(matches), table.name, is_of_phones=is_of_phones
    )


def _state_memory(samples: Sequence[str]) -> bool:
    """Return whether most samples of a column state memory, a battery or a camera, as titles of phones do."""
    stated = sum(SPEC_TEXT.search(text) is not None for text in samples)
    return len(samples) >= MIN_UNIQUE_ROWS and stated >= 0.5 * len(samples)


def infer_settings(proposal: SourceProposal, table: OwnerTable) -> SourceProposal:
    """Return a proposal with the settings inferred from, and verified on, all values of its columns."""
    contract = CONTRACTS[proposal.source]
    refused = dict(_find_unfit_columns(contract, proposal, table))
    matches = tuple(
        replace(match, owner_column=None, confidence=0.0, samples=()) if match.column in refused else match
        for match in proposal.matches
    )
    mapped = {match.column: match.owner_column for match in matches if match.owner_column}
    doubt = ""
    if contract.source == "catalog" and MODEL_ID not in mapped:
        found, doubt = find_model_column(table.rows, mapped)
        if found is not None:
            mapped[MODEL_ID] = found
            shown = tuple(text[:40] for text in table.samples[found][:SHOWN_SAMPLES])
            told = ColumnMatch(MODEL_ID, found, 0.9, shown, False)
            matches = tuple(told if match.column == MODEL_ID else match for match in matches)
    whole = {theirs: _list_distinct(table.rows.column(theirs)) for theirs in mapped.values()}
    days = [day for name, _ in table.parts if (day := parse_date_in_name(name)) > date.min]
    mapping = infer_mapping(contract, mapped, table.samples, whole, max(days, default=None))
    if table.header:
        mapping.header = list(table.header)
        mapping.open_questions.append(
            f"the file has no header line, and its columns were named by their values: "
            f"{', '.join(table.header)}; correct `header` in {contract.source}"
        )
    mapping.open_questions += [*refused.values(), *([doubt] if doubt else [])]
    mapping.open_questions += [f"{name} {doubt}" for name, doubt in table.doubts]
    mapping.open_questions += list(_find_missing_columns(mapped, table))
    if contract.source == "catalog" and "price" in mapped:
        mapping.open_questions += list(_find_other_prices(mapped, table))
    if contract.source == "catalog" and "item_id" not in mapped and "title" in mapped:
        _join_item_id(mapped, table, mapping)
    # Rows that all files share: an export of changes would not repeat what has not changed.
    if is_full_export(table.rows, [count for _, count in table.parts], contract.is_log):
        mapping.mode = "full"
    return replace(proposal, matches=matches, mapping=mapping)


def _find_unfit_columns(
    contract: Contract, proposal: SourceProposal, table: OwnerTable
) -> Iterator[tuple[str, str]]:
    """Yield each matched column that its values speak against, with the question about it.

    A required column must be filled, and the key of a log must be another on each row.
    """
    for match in proposal.matches:
        if match.column in MEDIA_COLUMNS and _are_urls(match.samples):
            yield (
                match.column,
                f"{match.column}: {match.owner_column} has addresses, and was not mapped: no night loads "
                "from the internet; download the files below lake.media, and map their paths",
            )
        if match.owner_column is None or not match.is_required or not table.rows.num_rows:
            continue
        column, theirs = table.rows.column(match.owner_column), match.owner_column
        given = column.filter(pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), False))
        if len(given) < MIN_FILLED * table.rows.num_rows:
            share = 1 - len(given) / table.rows.num_rows
            yield (
                match.column,
                f"{match.column}: {theirs} is empty in {share:.0%} of the rows, and was not mapped",
            )
        elif contract.is_log and match.column == contract.key[0]:
            # Of the last file alone, as full exports repeat their rows.
            last = column.slice(table.rows.num_rows - table.parts[-1][1]) if table.parts else column
            distinct = pc.count_distinct(last).as_py()
            if len(last) and distinct < MIN_DISTINCT * len(last):
                told = f"{theirs} has {distinct:,} values in {len(last):,} rows, and was not mapped"
                yield match.column, f"{match.column}: {told}"


def _are_urls(samples: Sequence[str]) -> bool:
    """Return whether the samples of a column are addresses on the internet."""
    return bool(samples) and all(re.match(r"(?:https?:)?//", sample) for sample in samples)


def _find_other_prices(mapped: dict[str, str], table: OwnerTable) -> Iterator[str]:
    """Yield the question about columns of a catalogue that may hold the price too, if there are any."""
    price = CONTRACTS["catalog"].column("price")
    others = [
        name
        for name, samples in table.samples.items()
        if name not in mapped.values()
        and score_name("price", name) >= MIN_CONFIDENCE
        and _score_values(price, samples) >= MIN_CONFIDENCE
    ]
    if others:
        yield (
            f"price is taken from {mapped['price']}; it could be {', '.join(others[:5])}; set columns.price"
        )


def _join_item_id(mapped: dict[str, str], table: OwnerTable, mapping: InferredMapping) -> None:
    """Propose an item id joined from brand, title and what tells variants apart; not from what may change."""
    names = [mapped[mine] for mine in ("brand", "title") if mine in mapped]
    telling = [
        name
        for name in table.samples
        if name not in names and VARIANT_WORDS & set(re.findall(r"[^\W_]+", name.lower()))
    ]

    def count_distinct(chosen: Sequence[str]) -> int:
        return len(set(zip(*(table.rows.column(name).to_pylist() for name in chosen), strict=True)))

    distinct = count_distinct(names)
    for name in telling:
        if distinct == table.rows.num_rows:
            break
        if (more := count_distinct([*names, name])) > distinct:
            names.append(name)
            distinct = more
    mapping.joined["item_id"] = " ".join(f"{{{name}}}" for name in names)
    shared = table.rows.num_rows - distinct
    told = f"; {shared:,} of {table.rows.num_rows:,} rows have the id of another row" if shared else ""
    mapping.open_questions.append(
        f"no column identifies a phone: item_id is joined from {', '.join(names)}{told}; set joined.item_id"
    )


def _list_distinct(column: pa.ChunkedArray) -> pa.Array:
    """Return the distinct non-empty texts of a column, in their order."""
    values = pc.unique(column)
    return values.filter(pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(values), ""), False))


def _find_missing_columns(mapped: dict[str, str], table: OwnerTable) -> Iterator[str]:
    """Yield a question for each mapped column that some files of a kind fill and others do not."""
    start = 0
    for name, count in table.parts if len(table.parts) > 1 else ():
        part = table.rows.slice(start, count)
        start += count
        for mine, theirs in mapped.items():
            is_filled_elsewhere = table.rows.column(theirs).null_count < table.rows.num_rows
            if count and part.column(theirs).null_count == count and is_filled_elsewhere:
                yield f"{mine}: {name} has nothing in its column {theirs}, which other files fill"


def _find_id_column(contract: Contract, rows: pa.Table, names: list[str]) -> str | None:
    """Return a column of distinct, valid ids without nulls, preferably one named like an id; or None."""
    pattern = contract.column(contract.key[0]).pattern or ""
    candidates = [
        name
        for name in names
        if rows.num_rows > 1
        and len(set(values := rows.column(name).to_pylist())) == rows.num_rows
        and all(value is not None and re.fullmatch(pattern, value.strip()) for value in values)
        and not any(re.fullmatch(r"\d+[.,]\d+", value.strip()) for value in values)  # an amount
    ]
    named_like_ids = [name for name in candidates if re.search(r"id|code|sku|url|link|number", name.lower())]
    if named_like_ids or rows.num_rows < MIN_UNIQUE_ROWS:
        return next(iter(named_like_ids), None)
    # The storage or the battery of few phones may be unique, too.
    others = [name for name in candidates if not ATTRIBUTE_WORDS & set(re.findall(r"[^\W_]+", name.lower()))]
    return next(iter(others), None)


def _sample_values(rows: pa.Table, column: str) -> list[str]:
    """Return the first distinct non-empty values of a column that do not stand for nothing."""
    values = _list_distinct(rows.column(column))
    given = (value for value in values.to_pylist() if value.strip().lower() not in EMPTY_WORDS)
    return list(islice(given, SAMPLED_VALUES))


def _score_values(column: Column, samples: list[str]) -> float:
    """Return the share of samples that are valid, unchanged or with the settings that would be inferred."""
    if not samples:
        return 0.0
    if column.type in ("timestamp", "date"):
        times = infer_times(samples, column.type)
        if times.share or times.question:
            return 0.9 if times.forms or times.pattern or times.question else 1.0
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


def _read_folder(place: Path, unreadable: list[UnmatchedTable]) -> Iterator[OwnerTable]:
    """Yield each kind of file in a folder as one table; add files that cannot be read to `unreadable`.

    Files of one folder whose names differ only in digits are one kind, and so are files of a subfolder with
    nearly the same columns; a subfolder that holds a single kind stands for it.
    """
    if not place.exists():
        raise InputError(f"there is no {place}")
    files = [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if file.is_file()]
    kinds: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        if can_hold_rows(file) or place.is_file():
            kind = (file.parent, re.sub(r"\d+", "#", strip_compression(file.name)))
            kinds.setdefault(kind, []).append(file)
    by_folder: dict[Path, list[Parts]] = {}
    headers: dict[Path, tuple[str, ...]] = {}
    for (folder, _), members in kinds.items():
        if parts := _name_headless(list(_read_files(members, unreadable)), headers):
            by_folder.setdefault(folder, []).append(parts)
    for folder, found in by_folder.items():
        is_source_folder = folder != place and not place.is_file()
        merged = _merge_alike(found) if is_source_folder else found
        for parts in merged:
            # A folder of files of one kind is the landing folder of a source, also for later files.
            where = folder if is_source_folder and len(merged) == 1 else parts[0][0]
            yield OwnerTable(
                str(where.resolve()),
                pa.concat_tables([rows for _, rows in parts], promote_options="default"),
                None,
                tuple((file.name, part.num_rows) for file, part in parts),
                tuple((file.name, doubt) for file, part in parts for doubt in read_doubts(part)),
                headers.get(parts[0][0], ()),
            )


def _name_headless(parts: Parts, headers: dict[Path, tuple[str, ...]]) -> Parts:
    """Read files without a header line again, under names by their values, which are added to `headers`."""
    from handpick.stages.land.file_formats import detect_format, read_file

    if not parts or not all(has_no_header(rows) for _, rows in parts):
        return parts
    first, rows = parts[0]
    if detect_format(first) != "csv":
        return parts
    # Read again, as the first row of values was taken for the names.
    plain = tuple(f"column_{number}" for number in range(1, len(_list_names(rows)) + 1))
    header = name_columns(read_file(first, layout=CsvLayout(header=plain)))
    headers[first] = header
    return [(file, read_file(file, layout=CsvLayout(header=header))) for file, _ in parts]


def _list_names(rows: pa.Table) -> list[str]:
    """Return the names of a file's columns, without those that readers add."""
    return [name for name in rows.column_names if name not in (RAW_COLUMN, LINE_COLUMN)]


def _merge_alike(kinds: Sequence[Parts]) -> list[Parts]:
    """Merge kinds of files with nearly the same columns, such as the parts of an export; sort them by day."""
    merged: list[Parts] = []
    for parts in kinds:
        names = set(parts[0][1].column_names)
        alike = next(
            (
                other
                for other in merged
                if _compute_overlap(names, set(other[0][1].column_names)) >= MIN_OVERLAP
            ),
            None,
        )
        if alike is None:
            merged.append(list(parts))
        else:
            alike += parts
    for parts in merged:
        parts.sort(key=lambda part: (parse_date_in_name(part[0].name), part[0].name))
    return merged


def _compute_overlap(one: set[str], other: set[str]) -> float:
    """Return the share of common names among all names of two tables."""
    return len(one & other) / len(one | other)


def _read_files(files: Sequence[Path], unreadable: list[UnmatchedTable]) -> Iterator[tuple[Path, pa.Table]]:
    """Yield the files of one kind with their rows; of very many bytes the first and the last files."""
    from handpick.stages.land.file_formats import read_file

    is_much = sum(file.stat().st_size for file in files) > MAX_READ_BYTES
    for file in dict.fromkeys([files[0], *files[-5:]] if is_much else files):
        try:
            yield file, read_file(file)
        except InputError as error:
            unreadable.append(UnmatchedTable(str(file), (str(error),)))


def _read_database(url: str) -> Iterator[OwnerTable]:
    """Yield each table of a database."""
    from sqlalchemy import MetaData, inspect, select
    from sqlalchemy.exc import SQLAlchemyError

    from handpick.stages.land.sql import describe_database_error, format_database_value, open_engine

    try:
        engine = open_engine(url)
        names = inspect(engine).get_table_names()
        metadata = MetaData()
        metadata.reflect(engine, only=names)
        with engine.connect() as connection:
            for name in names:
                result = connection.execute(select(metadata.tables[name]).limit(MAX_DATABASE_ROWS))
                columns = list(result.keys())
                values = list(zip(*result.fetchall(), strict=True)) or [()] * len(columns)
                texts = [
                    pa.array([format_database_value(value) for value in column], pa.string())
                    for column in values
                ]
                yield OwnerTable(f"table {name}", pa.table(texts, names=columns), name)
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise InputError(f"the database did not answer: {describe_database_error(error)}") from None
