"""OpenLineage events of a dbt build, one per model and snapshot, with the dataset names that stages use."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from handpick.lineage.dbt_columns import DbtModels, get_table_name
from handpick.lineage.graph import LineageGraph
from handpick.lineage.stage_events import PRODUCER, build_output_dataset, open_client
from handpick.runtime.log import log_progress
from handpick.settings.load import Settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

EMITTED_RESOURCE_TYPES = ("model", "snapshot")
FAILED_STATUSES = ("error", "skipped")


def emit_dbt_events(results: Iterable[Any], settings: Settings) -> None:
    """Send the events of a dbt build; an endpoint that rejects them does not stop the night.

    Args:
        results: dbt's results, one per node.
        settings: All settings; `[lineage]` names the endpoint and the manifest.
    """
    try:
        models = DbtModels(settings.path(settings.lineage.manifest))
        sender = open_client(settings.lineage, settings.home)
        for result in results:
            if result.node.resource_type in EMITTED_RESOURCE_TYPES:
                sender.emit(build_dbt_event(result, settings.lineage.namespace, models))
        models.save_cache()
    except Exception as error:  # whatever the transport raises
        reason = " ".join(str(error).split())
        log_progress(
            f"  lineage: the events of dbt were rejected ({reason}); check [lineage]. Continuing without "
            "them."
        )


def build_dbt_event(result: Any, namespace: str, models: DbtModels) -> RunEvent:
    """Build the event of one node: what it read, its schema, and what each of its columns is derived from.

    Args:
        result: dbt's result of the node.
        namespace: The OpenLineage namespace of jobs and datasets.
        models: The models of the manifest that dbt wrote.
    """
    from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import schema_dataset

    node = models[result.node.unique_id]
    fields = [
        schema_dataset.SchemaDatasetFacetFields(column["name"], column["data_type"], column["description"])
        for column in node["columns"].values()
    ]
    schema = schema_dataset.SchemaDatasetFacet(fields=fields)
    # dbt reports naive times in UTC; a skipped node has none.
    ends = [part.completed_at.replace(tzinfo=UTC) for part in result.timing if part.completed_at]
    at = max(ends, default=datetime.now(UTC))
    return RunEvent(
        eventType=RunState.FAIL if str(result.status) in FAILED_STATUSES else RunState.COMPLETE,
        eventTime=at.isoformat(),
        run=Run(runId=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{node['unique_id']}/{at.isoformat()}"))),
        job=Job(namespace=namespace, name=f"dbt.{node['name']}"),
        inputs=[InputDataset(namespace=namespace, name=table) for table in models.list_parents(node)],
        outputs=[
            build_output_dataset(
                namespace, get_table_name(node), node["columns"], LineageGraph(models), schema=schema
            )
        ],
        producer=PRODUCER,
    )
