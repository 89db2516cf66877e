"""Finds what belongs to a person: the ids of their events and queries, their media, their texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.lake.media import find_media_columns
from handpick.lake.partitions import Lake

USER_COLUMN, KEY_COLUMNS, LIST_COLUMN = "user_id", ("event_id", "query_id"), "users"
MIN_NEEDLE = 6
"""Shorter ids of events and queries, or texts, are not searched for in texts: they could be anything."""
WORD_BYTES = rb"[0-9A-Za-z_\-]"


@dataclass
class Footprint:
    """What belongs to a person.

    Args:
        user_id: The person's id.
        keys: Ids of their events and queries, by column.
        texts: What they asked.
        media: Paths of pictures and recordings that they sent, relative to the media root.
    """

    user_id: str
    keys: dict[str, set[str]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    media: set[str] = field(default_factory=set)

    @cached_property
    def id_pattern(self) -> re.Pattern[bytes]:
        """The person's id as a whole word."""
        return _compile_words([self.user_id])

    def compile_pattern(self) -> re.Pattern[bytes]:
        """Return a pattern of everything by which the person could be told in a text."""
        ids = [key for keys in self.keys.values() for key in keys if len(key) >= MIN_NEEDLE]
        texts = [text for text in self.texts if len(text) >= MIN_NEEDLE]
        return _compile_words([self.user_id, *ids, *texts])

    def find_rows(self, rows: pa.Table) -> pa.ChunkedArray | None:
        """Return whether each row of a table is the person's; None for a table without people."""
        found = None
        if USER_COLUMN in rows.column_names:
            found = self._match(rows.column(USER_COLUMN), {self.user_id})
        else:
            for name in KEY_COLUMNS:
                if name in rows.column_names:
                    found = self._match(rows.column(name), self.keys.get(name, set()))
        if "_raw" in rows.column_names:
            # The text of a row that could not be parsed, where its columns are empty.
            raw = rows.column("_raw").to_pylist()
            named = [text is not None and bool(self.id_pattern.search(text.encode())) for text in raw]
            if any(named):
                found = pc.or_(found, pa.chunked_array([pa.array(named)])) if found else pa.array(named)
        return found

    def find_and_learn(self, rows: pa.Table) -> pa.ChunkedArray | None:
        """Return what `find_rows` does, and take in what the person's rows tell about them."""
        found = self.find_rows(rows)
        if found is not None:
            self.learn(rows.filter(found))
        return found

    def learn(self, rows: pa.Table) -> None:
        """Take in what rows of the person tell about them."""
        for name in KEY_COLUMNS:
            if name in rows.column_names:
                self.keys.setdefault(name, set()).update(filter(None, rows.column(name).to_pylist()))
        if "text" in rows.column_names and pa.types.is_string(rows.schema.field("text").type):
            self.texts.update(filter(None, rows.column("text").to_pylist()))
        for name in find_media_columns(rows.column_names):
            self.media.update(filter(None, rows.column(name).to_pylist()))

    @staticmethod
    def _match(column: pa.ChunkedArray, wanted: set[str]) -> pa.ChunkedArray:
        """Return whether each value is one of the wanted ones, without regard to spaces around it."""
        texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return pc.fill_null(pc.is_in(texts, pa.array(sorted(wanted), pa.string())), False)


def read_footprint(lake: Lake, user_id: str) -> Footprint:
    """Read from all tables of the lake that name people what belongs to one of them.

    Damaged partitions tell nothing; the erasure stops at them later, by name.
    """
    person = Footprint(user_id)
    for table in lake.list_tables(["raw", "quarantine", "valid", "clean", "marts"]):
        for day in lake.list_dates(table):
            for file in sorted(lake.partition(table, day).glob("*.parquet")):
                names = pq.read_schema(file).names
                if USER_COLUMN in names:
                    own = ds.dataset(file).to_table(
                        filter=pc.equal(pc.utf8_trim_whitespace(pc.field(USER_COLUMN)), user_id)
                    )
                    person.learn(own)
    return person


def find_user_lists(file: Path) -> list[str]:
    """Return the columns of a Parquet file that hold lists of texts named `users`."""
    return [
        field.name
        for field in pq.read_schema(file)
        if field.name == LIST_COLUMN
        and pa.types.is_list(field.type)
        and pa.types.is_string(field.type.value_type)
    ]


def is_nobody_elses(lake: Lake, user_id: str) -> bool:
    """Return whether an id is long enough to be told in bytes, and part of no other user's id."""
    if len(user_id) < MIN_NEEDLE:
        return False
    for table in lake.list_tables(["raw/users", "raw/events"]):
        for day in lake.list_dates(table):
            ids = lake.read(table, day, [USER_COLUMN]).column(0).unique()
            if pc.any(pc.match_substring(ids, user_id)).as_py():
                return False
    return True


def find_shared_media(lake: Lake, person: Footprint) -> set[str]:
    """Return the media of a person that rows of others, or of the catalogue, name too."""
    shared: set[str] = set()
    for table in lake.list_tables(["raw"]):
        for day in lake.list_dates(table):
            for file in sorted(lake.partition(table, day).glob("*.parquet")):
                rows = pq.read_table(file, columns=None if person.media else [])
                columns = find_media_columns(rows.column_names)
                if not person.media or not columns:
                    continue
                if USER_COLUMN in rows.column_names:
                    is_own = Footprint._match(rows.column(USER_COLUMN), {person.user_id})
                    rows = rows.filter(pc.invert(is_own))
                for name in columns:
                    shared.update(person.media.intersection(filter(None, rows.column(name).to_pylist())))
    return shared


def _compile_words(words: list[str]) -> re.Pattern[bytes]:
    """Compile a pattern that finds any of the words, not as parts of longer ones."""
    longest_first = sorted({word for word in words if word}, key=lambda word: (-len(word), word))
    joined = b"|".join(re.escape(word.encode()) for word in longest_first)
    return re.compile(rb"(?<!" + WORD_BYTES + rb")(?:" + joined + rb")(?!" + WORD_BYTES + rb")")
