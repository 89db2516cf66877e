"""Compares two list versions: the users whose lists changed, the phones added and removed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from handpick.errors import ServingError
from handpick.serving.read_lists import connect_for_reading
from handpick.serving.statements import compose_statement, make_text
from handpick.serving.versions import ListVersion, query_versions
from handpick.settings.load import Settings

TOP_PHONES = 10
"""Number of phones that are reported: those whose number of lists changed most."""

# A full join of both versions by user and phone: a row of one version only is a phone that was added or
# removed.
PAIRS_DDL: LiteralString = """
create temporary table pairs on commit drop as
select coalesce(a.user_id, b.user_id) as user_id, coalesce(a.item_id, b.item_id) as item_id,
    a.rank as old_rank, b.rank as new_rank, b.reason_code, b.source
from (select * from {schema}.recommendations_all where list_version = {a}) a
full join (select * from {schema}.recommendations_all where list_version = {b}) b using (user_id, item_id);
create temporary table people on commit drop as
select user_id, bool_or(old_rank is not null) as had_list, bool_or(new_rank is not null) as has_list,
    bool_or(old_rank is distinct from new_rank) as is_changed
from pairs group by user_id;
create temporary table phones on commit drop as
select coalesce(a.item_id, b.item_id) as item_id, coalesce(b.title, a.title) as title,
    case when a.item_id is null then 'new in the catalogue'
        when b.item_id is null then 'no longer in the catalogue'
        when b.is_in_stock and a.is_in_stock is not true then 'back in stock'
        when a.is_in_stock and b.is_in_stock is not true then 'out of stock'
        when a.price <> b.price then 'another price' end as happened
from (select * from {schema}.items_all where list_version = {a}) a
full join (select * from {schema}.items_all where list_version = {b}) b using (item_id)
"""
USER_COUNTS_QUERY: LiteralString = """
select count(*) filter (where had_list and has_list and not is_changed) as same,
    count(*) filter (where had_list and has_list and is_changed) as changed,
    count(*) filter (where not had_list) as gained_a_list,
    count(*) filter (where not has_list) as lost_their_list
from people
"""
ADDED_QUERY: LiteralString = """
select coalesce(case when not had_list then 'the user had no list' end,
    case when happened in ('new in the catalogue', 'back in stock') then happened end,
    'ranked higher: ' || reason_code) as why, count(*) as rows, count(distinct user_id) as users
from pairs join people using (user_id) left join phones using (item_id) where old_rank is null
group by 1 order by 2 desc, 1
"""
REMOVED_QUERY: LiteralString = """
select coalesce(case when not has_list then 'the user has no list' end,
    case when happened in ('no longer in the catalogue', 'out of stock') then happened end,
    'ranked lower, or excluded by a rule') as why, count(*) as rows, count(distinct user_id) as users
from pairs join people using (user_id) left join phones using (item_id) where new_rank is null
group by 1 order by 2 desc, 1
"""
PHONES_QUERY: LiteralString = """
select title, count(*) filter (where old_rank is null) as came,
    count(*) filter (where new_rank is null) as went, coalesce(min(happened), '') as happened
from pairs left join phones using (item_id) group by item_id, title
having count(*) filter (where old_rank is null) <> count(*) filter (where new_rank is null)
order by abs(count(*) filter (where old_rank is null) - count(*) filter (where new_rank is null)) desc,
    item_id
limit {shown}
"""
USER_ROWS_QUERY: LiteralString = """
select title, old_rank, new_rank, coalesce(happened, '') as happened, coalesce(source, '') as source,
    coalesce(reason_code, '') as reason_code
from pairs left join phones using (item_id) where user_id = %s order by new_rank nulls last, old_rank
"""


@dataclass(frozen=True)
class VersionDiff:
    """The differences from one version to another.

    Args:
        before: The version compared with.
        after: The version that is compared.
        user_counts: Users whose list stayed the same or changed, and who gained or lost a list.
        added: Rows that are new on lists, by cause: rows and users.
        removed: Rows that are gone from lists, likewise.
        phones: Phones whose number of lists changed most.
        user_rows: Rows of the requested user, by new rank; empty without one.
    """

    before: ListVersion
    after: ListVersion
    user_counts: dict[str, int]
    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    phones: list[dict[str, Any]]
    user_rows: list[dict[str, Any]]

    @property
    def overall_causes(self) -> list[str]:
        """The differences that concern all lists: night, model, or none at all."""
        found = []
        if self.before.logical_date != self.after.logical_date:
            found.append(f"another night: {self.before.logical_date}, then {self.after.logical_date}")
        if self.before.model != self.after.model:
            found.append(
                f"another model: of {self.before.model or 'no gate'}, then of {self.after.model or 'no gate'}"
            )
        if self.before.digest == self.after.digest:
            found.append("the same content")
        return found


def compare_versions(
    settings: Settings, before: str, after: str, user: str | None = None, *, timeout_s: int | None = None
) -> VersionDiff:
    """Compare two kept versions.

    Args:
        settings: All settings; `[serving]` names the server.
        before: Number of a version, such as `12` or `v12`.
        after: Likewise.
        user: A user whose two lists are compared row by row.
        timeout_s: Seconds one statement may take, instead of `serving.statement_timeout_s`.

    Raises:
        ServingError: If the database does not answer, does not keep one of the versions, or has no list of
            the user.
    """
    schema = settings.serving.schema_name
    with connect_for_reading(settings) as connection:
        kept = {one.version: one for one in query_versions(connection, schema)}
        a, b = (find_version(kept, name) for name in (before, after))
        if timeout_s is not None:
            connection.execute("select set_config('statement_timeout', %s, true)", [f"{timeout_s}s"])
        _create_temporary_tables(connection, schema, a.version, b.version)
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(USER_ROWS_QUERY, [make_text(user)]).fetchall() if user is not None else []
            if user is not None and not rows:
                raise ServingError(f"the user {user!r} has no list in version {a.version} or {b.version}.")
            shown = compose_statement(PHONES_QUERY.replace("{shown}", str(TOP_PHONES)))
            return VersionDiff(
                before=a,
                after=b,
                user_counts=cursor.execute(USER_COUNTS_QUERY).fetchone() or {},
                added=cursor.execute(ADDED_QUERY).fetchall(),
                removed=cursor.execute(REMOVED_QUERY).fetchall(),
                phones=cursor.execute(shown).fetchall(),
                user_rows=rows,
            )


def _create_temporary_tables(connection: psycopg.Connection[Any], schema: str, a: int, b: int) -> None:
    """Join both versions into temporary tables, which are dropped at the end of the transaction."""
    # One statement at a time, and numbers put into the text: `create table as` takes no parameters.
    for text in PAIRS_DDL.split(";"):
        numbered = text.replace("{a}", str(a)).replace("{b}", str(b))
        connection.execute(compose_statement(numbered, schema=schema))


def find_version(kept: dict[int, ListVersion], name: str) -> ListVersion:
    """Return the kept version of a number such as `12` or `v12`."""
    number = name.removeprefix("v")
    if not number.isdecimal() or int(number) not in kept:
        numbers = ", ".join(map(str, kept)) or "none"
        raise ServingError(f"there is no list version {name}. Kept are: {numbers}")
    return kept[int(number)]
