"""What differs between two list versions: for whom, which phones came and went, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from handpick.errors import ServingError
from handpick.serving.read import reading
from handpick.serving.schema import statement
from handpick.serving.versions import Version, read_versions
from handpick.settings.load import Settings

SHOWN = 10

# Rows of both versions side by side; rows are whole lists, so a row on one side only is a phone that came or went.
PAIRS: LiteralString = """
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
PEOPLE: LiteralString = """
select count(*) filter (where had_list and has_list and not is_changed) as same,
    count(*) filter (where had_list and has_list and is_changed) as changed,
    count(*) filter (where not had_list) as gained_a_list, count(*) filter (where not has_list) as lost_their_list
from people
"""
CAME: LiteralString = """
select coalesce(case when not had_list then 'the user had no list' end,
    case when happened in ('new in the catalogue', 'back in stock') then happened end,
    'ranked higher: ' || reason_code) as why, count(*) as rows, count(distinct user_id) as users
from pairs join people using (user_id) left join phones using (item_id) where old_rank is null
group by 1 order by 2 desc, 1
"""
WENT: LiteralString = """
select coalesce(case when not has_list then 'the user has no list' end,
    case when happened in ('no longer in the catalogue', 'out of stock') then happened end,
    'ranked lower, or barred by a rule') as why, count(*) as rows, count(distinct user_id) as users
from pairs join people using (user_id) left join phones using (item_id) where new_rank is null
group by 1 order by 2 desc, 1
"""
PHONES: LiteralString = """
select title, count(*) filter (where old_rank is null) as came, count(*) filter (where new_rank is null) as went,
    coalesce(min(happened), '') as happened
from pairs left join phones using (item_id) group by item_id, title
having count(*) filter (where old_rank is null) <> count(*) filter (where new_rank is null)
order by abs(count(*) filter (where old_rank is null) - count(*) filter (where new_rank is null)) desc, item_id
limit {shown}
"""
USER: LiteralString = """
select title, old_rank, new_rank, coalesce(happened, '') as happened, coalesce(source, '') as source,
    coalesce(reason_code, '') as reason_code
from pairs left join phones using (item_id) where user_id = %s order by new_rank nulls last, old_rank
"""


@dataclass(frozen=True)
class Difference:
    """From one version to another.

    Args:
        before, after: The two versions.
        people: How many users kept the same list, got another one, gained or lost one.
        came, went: Phones that came on lists or went off them, by why: rows and users.
        phones: Those whose presence on lists changed most.
        user: Rows of the one user that was asked for, by new rank.
    """

    before: Version
    after: Version
    people: dict[str, int]
    came: list[dict[str, Any]]
    went: list[dict[str, Any]]
    phones: list[dict[str, Any]]
    user: list[dict[str, Any]]

    @property
    def causes(self) -> list[str]:
        """What was different about the whole of the two versions."""
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


def difference(settings: Settings, before: str, after: str, user: str | None = None) -> Difference:
    """Compare two kept versions.

    Raises:
        ServingError: If the database does not answer, or does not keep one of them, or knows no such user.
    """
    schema = settings.serving.schema_name
    with reading(settings) as connection:
        kept = {one.version: one for one in read_versions(connection, schema)}
        a, b = (_version(kept, name) for name in (before, after))
        _prepare(connection, schema, a.version, b.version)
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(USER, [user]).fetchall() if user is not None else []
            if user is not None and not rows:
                raise ServingError(f"the user {user!r} has no list in version {a.version} or {b.version}.")
            shown = statement(PHONES.replace("{shown}", str(SHOWN)))
            return Difference(
                before=a,
                after=b,
                people=cursor.execute(PEOPLE).fetchone() or {},
                came=cursor.execute(CAME).fetchall(),
                went=cursor.execute(WENT).fetchall(),
                phones=cursor.execute(shown).fetchall(),
                user=rows,
            )


def _prepare(connection: psycopg.Connection[Any], schema: str, a: int, b: int) -> None:
    """Put both versions side by side in temporary tables, which go with the transaction."""
    for text in PAIRS.split(";"):
        numbered = text.replace("{a}", str(a)).replace("{b}", str(b))
        connection.execute(statement(numbered, schema=schema))


def _version(kept: dict[int, Version], name: str) -> Version:
    """The version of a number such as `12` or `v12`."""
    number = name.removeprefix("v")
    if not number.isdecimal() or int(number) not in kept:
        there = ", ".join(map(str, kept)) or "none"
        raise ServingError(f"there is no list version {name}. Kept are: {there}")
    return kept[int(number)]
