"""The steps of publishing a list version, from the lake's rows to the moved pointer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.errors import DamagedData, ServingError
from handpick.lake.partitions import digest_partition, digest_partitions
from handpick.ledger.erasures import Erasure, read_erasures
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.serving.connection import connect
from handpick.serving.relations import (
    ITEMS,
    POPULAR_ITEMS,
    RECOMMENDATIONS,
    RELATIONS,
    SIMILAR_ITEMS,
    Relation,
)
from handpick.serving.schema import ensure_schema
from handpick.serving.statements import compose_statement
from handpick.serving.versions import (
    drop_old_versions,
    hold_publish_lock,
    list_versions,
    move_pointer,
    query_versions,
    remove_leftovers,
    wait_for_planned_statements,
)
from handpick.settings.load import Settings
from handpick.stages.gate.public import read_decision
from handpick.stages.publish.exports import write_exports
from handpick.stages.publish.load import attach_partitions, load_tables
from handpick.stages.publish.row_preparation import prepare_rows
from handpick.stages.score.public import LIST_TABLES

BLEND = "weighted"
"""Name of the blend in the evaluation's metrics; its lists are the ones that are published."""


def publish(night: Night) -> StageResult:
    """Load and check the night's lists, make them current, drop old versions and write the exports.

    Raises:
        DamagedData: If the lists are not those that score made; nothing is loaded.
        ServingError: If the database refuses or a check fails; says which version is current.
    """
    settings, schema = night.settings, night.settings.serving.schema_name
    _check_demo_setting(night)
    check_lists(night)
    tables = {
        relation: prepare_rows(night.lake.read(relation.lake_table, night.logical_date), relation)
        for relation in RELATIONS
    }
    digest = digest_lists(night)
    moving: int | None = None  # the version that the pointer was told to move to
    try:
        with connect(settings, autocommit=True, timeout_s=settings.serving.load_timeout_s) as connection:
            ensure_schema(connection, settings)
            with hold_publish_lock(connection, schema):
                _check_demo_versions(connection, night)
                # Running a night again must not load the same lists twice.
                version = _find_published(connection, schema, night, digest)
                is_new = version is None
                if version is None:
                    remove_leftovers(connection, schema)
                    version = load_version(connection, night, tables, digest)
                # Before the pointer moves, so that a full disk leaves both the exports and the pointer as
                # they were.
                exports = write_exports(night)
                moving = version
                is_current = _make_current(connection, night, version)
                dropped = drop_old_versions(connection, settings, night.logical_date)
    except psycopg.Error as error:
        raise ServingError(
            f"the serving database refused the lists of {night.logical_date}: "
            f"{' '.join(str(error).split())}. {describe_pointer(settings, moving)}"
        ) from None
    log_progress(f"  version {version} is {'current' if is_current else 'kept, a later night is current'}")
    return StageResult(
        stage="publish",
        logical_date=night.logical_date,
        where=f"{schema}.recommendations, version {version}",
        flows=tuple(Flow(relation.name, len(rows), len(rows)) for relation, rows in tables.items()),
        digest=digest,
        notes={
            "version": version,
            "is_new": is_new,
            "is_current": is_current,
            "dropped_versions": dropped,
            "exports": str(exports),
        },
    )


def check_lists(night: Night) -> None:
    """Check, byte by byte, that what is published is what its stages wrote, and the lists what score made.

    Raises:
        MissingPartition: If score has not run for this night.
        DamagedData: If a file differs from its checksum, or the lists from what score has reported.
    """
    for relation in RELATIONS:
        night.lake.check(relation.lake_table, [night.logical_date], with_bytes=True)
    made = night.result("score").digest
    found = digest_partitions(night.lake, LIST_TABLES, night.logical_date)
    erased = read_erasures(night.lake, night.logical_date)
    before = {table: entry.was for table, entry in erased.items() if _is_erased_now(night, table, entry)}
    if made not in (found, digest_partitions(night.lake, LIST_TABLES, night.logical_date, before)):
        raise DamagedData(
            f"the lists of {night.logical_date} are not those that score made: their digest is {found[:12]}, "
            f"but it reported {made[:12]}. Nothing was loaded and the pointer was not moved; run `handpick "
            f"score --date {night.logical_date}`, then `handpick publish --date {night.logical_date}`."
        )


def _is_erased_now(night: Night, table: str, entry: Erasure) -> bool:
    """Return whether a partition is the one from which rows were erased last."""
    return digest_partition(night.lake.partition(table, night.logical_date)) == entry.now


def describe_pointer(settings: Settings, moving: int | None) -> str:
    """Return which lists are current after a failure, as sentences.

    Args:
        settings: All settings; `[serving]` names the server.
        moving: The version that the pointer was told to move to; None if it was not told yet.
    """
    if moving is None:
        return "The pointer was not moved; the lists published before stay current."
    # The failure may have come before, in or after the commit of the move: only the server knows.
    try:
        kept = list_versions(settings)
    except (ServingError, psycopg.Error):
        return (
            f"Whether version {moving} became current is not known, as the server does not answer now; "
            "`handpick versions` shows it later."
        )
    current = next((one.version for one in kept if one.is_current), None)
    if current == moving:
        return (
            f"The lists are published all the same: version {moving} is current. Run publish again to "
            "drop old versions."
        )
    if current is None:
        return "The pointer was not moved; no version is current."
    return f"The pointer was not moved to version {moving}; version {current} is current."


def _check_demo_setting(night: Night) -> None:
    """Check that lists of a demo shop do not reach a configured server, unless it is allowed.

    Raises:
        ServingError: If they would.
    """
    serving = night.settings.serving
    if night.is_demo and serving.dsn is not None and not serving.allow_demo:
        raise ServingError(
            f"the lists of {night.logical_date} are of the demo shop, and serving.dsn names a server; "
            "nothing was published. Use another folder for your own shop, or set "
            "HANDPICK__SERVING__ALLOW_DEMO=true if that is a test server."
        )


def _check_demo_versions(connection: psycopg.Connection[Any], night: Night) -> None:
    """Check that lists of a demo shop do not replace those of another shop.

    Raises:
        ServingError: If they would.
    """
    versions = query_versions(connection, night.settings.serving.schema_name) if night.is_demo else []
    real = next((one.version for one in versions if one.is_demo is False), None)
    if real is not None:
        raise ServingError(
            f"the lists of {night.logical_date} are of the demo shop, and version {real} of this database "
            "is not; nothing was published. Run the demo shop in another folder, with a handpick.toml of its "
            "own."
        )


def digest_lists(night: Night, former: Mapping[str, str] | None = None) -> str:
    """Return the SHA-256 over the lake's partitions that a version is loaded from.

    Args:
        night: The night.
        former: Digests that some of the partitions had before, to be taken instead.
    """
    tables = [relation.lake_table for relation in RELATIONS]
    return digest_partitions(night.lake, tables, night.logical_date, former)


def _find_published(
    connection: psycopg.Connection[Any], schema: str, night: Night, digest: str
) -> int | None:
    """Return the newest kept version of the same night with the same content, None if there is none."""
    row = connection.execute(
        compose_statement(
            "select max(version) from {schema}.list_versions "
            "where logical_date = %s and digest = %s and status = 'published'",
            schema=schema,
        ),
        [night.logical_date, digest],
    ).fetchone()
    return None if row is None else row[0]


def load_version(
    connection: psycopg.Connection[Any], night: Night, tables: dict[Relation, pa.Table], digest: str
) -> int:
    """Load and check a new version; it is complete, attached and not yet current.

    Args:
        connection: Connection in autocommit, holding the publish lock.
        night: The night of the lists.
        tables: Prepared rows by relation.
        digest: Digest of the lake's partitions.

    Returns:
        The version's number.

    Raises:
        ServingError: If a check fails; what was loaded is removed.
    """
    settings, schema = night.settings, night.settings.serving.schema_name
    row = connection.execute(
        compose_statement(
            "insert into {schema}.list_versions (version, logical_date, status) "
            "select coalesce(max(version), 0) + 1, %s, 'loading' from {schema}.list_versions returning "
            "version",
            schema=schema,
        ),
        [night.logical_date],
    ).fetchone()
    version = int(row[0]) if row is not None else 0
    try:
        load_tables(connection, settings, version, tables)
    except (ServingError, psycopg.Error):
        with suppress(psycopg.Error):  # the next publish removes what is left now
            remove_leftovers(connection, schema)
        raise
    with connection.transaction():
        attach_partitions(connection, schema, version, RELATIONS)
    # Only then may the version be described as published, and the pointer move to it.
    wait_for_planned_statements(connection, schema)
    with connection.transaction():
        _mark_published(connection, night, version, tables, digest)
    return version


def _mark_published(
    connection: psycopg.Connection[Any],
    night: Night,
    version: int,
    tables: dict[Relation, pa.Table],
    digest: str,
) -> None:
    """Mark a version as published, with its row counts, model and metrics."""
    champion_date = _read_champion_date(night)
    connection.execute(
        compose_statement(
            "update {schema}.list_versions set status = 'published', recommendation_count = %s, user_count "
            "= %s, similar_item_count = %s, popular_item_count = %s, item_count = %s, digest = %s, model = "
            "%s, metrics = %s, is_demo = %s, published_at = now() where version = %s",
            schema=night.settings.serving.schema_name,
        ),
        [
            len(tables[RECOMMENDATIONS]),
            pc.count_distinct(tables[RECOMMENDATIONS]["user_id"]).as_py(),
            len(tables[SIMILAR_ITEMS]),
            len(tables[POPULAR_ITEMS]),
            len(tables[ITEMS]),
            digest,
            champion_date and champion_date.isoformat(),
            json.dumps(_read_metrics(night, champion_date)),
            night.is_demo,
            version,
        ],
    )


def _read_champion_date(night: Night) -> date | None:
    """Return the night of the models that made the lists, None where they were made without the gate."""
    if not night.lake.has("gate", night.logical_date):
        return None
    return read_decision(night.lake, night.logical_date).champion_date


def _read_metrics(night: Night, champion_date: date | None) -> dict[str, float]:
    """Return NDCG@20 of the blend that made the lists, by slice."""
    if champion_date is None:
        return {}
    file = night.lake.partition("evaluation", champion_date) / "metrics.parquet"
    if not file.is_file():
        return {}
    night.lake.check("evaluation", [champion_date], with_bytes=True)
    rows = pq.read_table(file).to_pylist()
    return {
        f"ndcg@20 {row['slice']}": round(float(row["value"]), 4)
        for row in rows
        if row["metric"] == "ndcg" and row["k"] == 20 and row["member"] == BLEND and row["value"] is not None
    }


def _make_current(connection: psycopg.Connection[Any], night: Night, version: int) -> bool:
    """Move the pointer and copy the night's ledger in one transaction.

    Returns:
        False if a later night's version stays current.
    """
    settings: Settings = night.settings
    schema = settings.serving.schema_name
    with connection.transaction():
        row = connection.execute(
            compose_statement(
                "select v.logical_date from {schema}.current_version c join {schema}.list_versions v using "
                "(version)",
                schema=schema,
            )
        ).fetchone()
        # Running an earlier night again must not replace a later night's lists.
        is_current = row is None or row[0] <= night.logical_date
        if is_current:
            move_pointer(connection, schema, version)
        _copy_ledger(connection, schema, night)
    return is_current


def _copy_ledger(connection: psycopg.Connection[Any], schema: str, night: Night) -> None:
    """Replace the night's ledger rows in the database by those of the stages that have run."""
    connection.execute(
        compose_statement("delete from {schema}.ledger where logical_date = %s", schema=schema),
        [night.logical_date],
    )
    lines = [
        (
            night.logical_date,
            result.stage,
            flow.source,
            flow.rows_in,
            flow.rows_out,
            json.dumps(flow.dropped),
            result.digest,
            result.seconds,
        )
        for result in night.results()
        for flow in result.flows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            compose_statement(
                "insert into {schema}.ledger values (%s, %s, %s, %s, %s, %s, %s, %s)", schema=schema
            ),
            lines,
        )
