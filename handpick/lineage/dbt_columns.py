"""Column lineage of dbt models, from the compiled SQL in dbt's manifest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from handpick.lineage.column_cache import ColumnTrace, TraceCache

WHOLE_TABLE = "="
"""Stands for a table as a whole in place of a column."""
LAKE_TABLE_PATTERN = re.compile(r"(clean|embeddings|valid)/[a-z_]+")


class DbtModels:
    """The models, snapshots, seeds and sources of one manifest; none if the file does not exist.

    Args:
        file: dbt's `manifest.json`.
    """

    def __init__(self, file: Path) -> None:
        raw: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
        nodes = {**raw.get("nodes", {}), **raw.get("sources", {}), **raw.get("snapshots", {})}
        self._nodes = {
            key: node
            for key, node in nodes.items()
            if node["resource_type"] in ("model", "snapshot", "seed", "source")
        }
        self._traces: dict[str, ColumnTrace] = {}
        self._cache = TraceCache(file.with_name("column_lineage.json"))
        self._by_name = {
            node["name"]: key for key, node in self._nodes.items() if node["resource_type"] != "source"
        }

    def __contains__(self, table: str) -> bool:
        """Return whether a table is a dbt model."""
        return self._find_key(table) is not None

    def list_marts(self) -> dict[str, list[str]]:
        """Return the documented columns of each mart, by its table in the lake."""
        nodes = (self._nodes[key] for key in self._by_name.values())
        return {
            get_table_name(node): list(node.get("columns", {}))
            for node in nodes
            if get_table_name(node).startswith("marts/")
        }

    def __getitem__(self, unique_id: str) -> dict[str, Any]:
        """Return the manifest's entry of a model, snapshot, seed or source by its unique id."""
        return self._nodes[unique_id]

    def list_parents(self, node: dict[str, Any]) -> list[str]:
        """Return the tables that a model reads."""
        return [get_table_name(parent) for parent in self._list_parent_nodes(node)]

    def find_inputs(self, table: str, column: str) -> list[tuple[str, str]]:
        """Return the tables and columns that one column of a model is derived from.

        Args:
            table: The model's table, such as `marts/dim_item`.
            column: The column, or `=` for the whole table.

        Returns:
            Pairs of table and column; all parents as a whole where the SQL cannot be traced.
        """
        node = self._nodes[self._find_key(table) or ""]
        parents = self._list_parent_nodes(node)
        whole = [(get_table_name(parent), WHOLE_TABLE) for parent in parents]
        if column == WHOLE_TABLE or not node.get("compiled_code"):
            return whole
        if node["unique_id"] not in self._traces:
            query = node["compiled_code"]
            described = [
                [_name_relation(one), get_table_name(one), one.get("alias"), list(one.get("columns", {}))]
                for one in parents
            ]
            self._traces[node["unique_id"]] = self._cache.get_or_compute(
                query, described, lambda: _trace_query(query, parents)
            )
        return self._traces[node["unique_id"]].get(column) or whole

    def save_cache(self) -> None:
        """Save the traces of queries for the next build."""
        self._cache.save()

    def _list_parent_nodes(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the manifest's entries of the nodes that a node reads."""
        return [self._nodes[key] for key in node.get("depends_on", {}).get("nodes", []) if key in self._nodes]

    def _find_key(self, table: str) -> str | None:
        """Return the unique id of the model behind a table, or None if it is not a model's."""
        name = table.rpartition("/")[2].removeprefix("dbt.")
        return self._by_name.get(name) if table.startswith(("marts/", "dbt.")) else None


def _trace_query(compiled: str, parents: list[dict[str, Any]]) -> ColumnTrace:
    """Return the leaves of sqlglot's lineage for each column of a query; empty if it cannot be parsed."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    by_relation = {_name_relation(parent): parent for parent in parents}
    schema = {
        name: dict.fromkeys(parent.get("columns", {}), "unknown") for name, parent in by_relation.items()
    }
    try:
        query: exp.Expression = exp.maybe_parse(compiled, dialect="duckdb")
        # Parents are renamed to their unique ids, which need no quoting: relations are schema-qualified, and
        # sources are calls of `read_parquet`, which sqlglot does not take for tables.
        for table in query.find_all(exp.Table):
            parent = next((one for one in parents if _refers_to(table, one)), None)
            if parent is not None:
                alias = table.alias or table.name or parent["name"]
                table.replace(exp.alias_(exp.to_table(_name_relation(parent)), alias, table=True))
        roots = lineage(None, query, schema=schema, dialect="duckdb")
    except SqlglotError:
        return {}
    return {
        column: sorted(
            {
                (get_table_name(by_relation[leaf.source.name]), leaf.name.rpartition(".")[2].strip('"'))
                for leaf in root.walk()
                if not leaf.downstream
                and isinstance(leaf.source, exp.Table)
                and leaf.source.name in by_relation
            }
        )
        for column, root in roots.items()
    }


def get_table_name(node: dict[str, Any]) -> str:
    """Return the lineage name of a dbt node: its lake table, or `dbt.<model>` for a model without one.

    Args:
        node: The manifest's entry.
    """
    if node["resource_type"] == "source":
        # With dbt-duckdb the relation is the files that are read; with other adapters the location is in the
        # configuration.
        places = (str(node.get(key)) for key in ("relation_name", "config", "meta", "external"))
        found = LAKE_TABLE_PATTERN.search(" ".join(places).replace("{name}", node["name"]))
        return found.group() if found else f"{node['source_name']}/{node['name']}"
    return ("marts/" if "marts" in node.get("fqn", []) else "dbt.") + str(node["name"])


def _name_relation(node: dict[str, Any]) -> str:
    """Return a plain identifier for a node."""
    return str(node["unique_id"]).replace(".", "__")


def _refers_to(table: Any, node: dict[str, Any]) -> bool:
    """Return whether a table in compiled SQL is this node, by its qualified name or by its lake files.

    An unqualified name is a CTE of the query, even if it is also the name of a model.
    """
    if table.db and table.name == str(node.get("alias") or node.get("identifier") or node["name"]):
        return True
    return node["resource_type"] == "source" and f"{get_table_name(node)}/" in table.sql("duckdb")
