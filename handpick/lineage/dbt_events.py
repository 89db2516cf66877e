"""OpenLineage events of a dbt build: one per model and snapshot, with the dataset names of the stages' events."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from handpick.lineage.dbt_columns import Models, table_of
from handpick.lineage.events import PRODUCER, client, output
from handpick.lineage.trace import Graph
from handpick.runtime.log import say
from handpick.settings.load import Settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

BUILT = ("model", "snapshot")
FAILED = ("error", "skipped")


def tell(results: Iterable[Any], settings: Settings) -> None:
    """Send the events of a dbt build; an endpoint that rejects them does not stop the night.

    Args:
        results: dbt's results, one per node.
        settings: All settings; `[lineage]` names the endpoint and the manifest.
    """
    try:
        models = Models(settings.path(settings.lineage.manifest))
        sender = client(settings.lineage, settings.home)
        for result in results:
            if result.node.resource_type in BUILT:
                sender.emit(event(result, settings.lineage.namespace, models))
        models.keep()
    except Exception as error:  # whatever the transport raises
        reason = " ".join(str(error).split())
        say(
            f"  lineage: the events of dbt were rejected ({reason}); check [lineage]. Continuing without them."
        )


def event(result: Any, namespace: str, models: Models) -> RunEvent:
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
    ends = [part.completed_at.replace(tzinfo=UTC) for part in result.timing if part.completed_at]
    at = max(ends, default=datetime.now(UTC))
    return RunEvent(
        eventType=RunState.FAIL if str(result.status) in FAILED else RunState.COMPLETE,
        eventTime=at.isoformat(),
        run=Run(runId=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{node['unique_id']}/{at.isoformat()}"))),
        job=Job(namespace=namespace, name=f"dbt.{node['name']}"),
        inputs=[InputDataset(namespace=namespace, name=table) for table in models.parents(node)],
        outputs=[output(namespace, table_of(node), node["columns"], Graph(models), schema=schema)],
        producer=PRODUCER,
    )
