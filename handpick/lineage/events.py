"""OpenLineage events: what a stage read and wrote, column by column, as one event for each finished stage."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handpick.ledger.flows import StageResult
from handpick.lineage.dbt_columns import Models
from handpick.lineage.declared import DECLARED
from handpick.lineage.trace import WHOLE, Column, Graph
from handpick.settings.lineage import LineageSettings

if TYPE_CHECKING:
    from pathlib import Path

    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

PRODUCER = "urn:handpick"


def emit(result: StageResult, settings: LineageSettings, home: Path, at: datetime) -> None:
    """Send the event of one stage that has finished.

    Args:
        home: The folder that configured paths start from.
        at: When it finished.
    """
    models = Models(home / settings.manifest)
    client(settings, home).emit(event(result, settings.namespace, models, at))


def client(settings: LineageSettings, home: Path) -> OpenLineageClient:
    """What sends events: to the configured endpoint, else to the end of the file."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )

    if settings.url is None:
        file = home / settings.file
        file.parent.mkdir(parents=True, exist_ok=True)
        transport: Any = FileTransport(FileConfig(log_file_path=str(file), append=True))
    else:
        key = settings.api_key
        auth = ApiKeyTokenProvider({"api_key": key.get_secret_value()}) if key else TokenProvider({})
        transport = HttpTransport(HttpConfig(url=settings.url, auth=auth))
    return OpenLineageClient(transport=transport)


def event(result: StageResult, namespace: str, models: Models, at: datetime) -> RunEvent:
    """The event: the stage's tables, the columns each output is made of, and its ledger as row counts."""
    from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState

    graph = Graph(models)
    outputs = [
        output(namespace, table, columns, graph) for table, columns in DECLARED.get(result.stage, {}).items()
    ]
    read = sorted({field.name for out in outputs for field in _read(out)})
    inputs: list[InputDataset] = [InputDataset(namespace=namespace, name=table) for table in read]
    run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{result.stage}/{result.logical_date}/{at.isoformat()}"))
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=at.isoformat(),
        run=Run(runId=run_id),
        job=Job(namespace=namespace, name=result.stage),
        inputs=inputs,
        outputs=outputs,
        producer=PRODUCER,
    )


def output(namespace: str, table: str, columns: Iterable[str], graph: Graph, **facets: Any) -> OutputDataset:
    """A table that was written, with the columns that each of its own is made of, and further facets."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    fields, whole = {}, []
    for name in columns:
        sources = graph.inputs(Column(table, name))
        made = [facet.InputField(namespace, source.table, source.name) for source in sources]
        if name == "*" or any(source.name in ("*", WHOLE) for source in sources):
            whole += made
        else:
            fields[name] = facet.Fields(inputFields=made)
    lineage = facet.ColumnLineageDatasetFacet(fields=fields, dataset=whole)
    return OutputDataset(namespace=namespace, name=table, facets={"columnLineage": lineage, **facets})


def _read(output: OutputDataset) -> list[Any]:
    facet: Any = (output.facets or {})["columnLineage"]
    return [*facet.dataset, *(field for fields in facet.fields.values() for field in fields.inputFields)]
