"""OpenLineage events of stages: what a finished stage read and wrote, column by column."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handpick.ledger.flows import StageResult
from handpick.lineage.dbt_columns import WHOLE_TABLE, DbtModels
from handpick.lineage.declared_columns import list_declared_tables
from handpick.lineage.graph import ColumnRef, LineageGraph
from handpick.pipeline.registry import get_stage
from handpick.settings.lineage import LineageSettings

if TYPE_CHECKING:
    from pathlib import Path

    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

PRODUCER = "urn:handpick"


def emit_stage_event(result: StageResult, settings: LineageSettings, home: Path, at: datetime) -> None:
    """Send the event of a stage that has finished.

    Args:
        result: What the stage did.
        settings: Endpoint or file, namespace, and dbt's manifest.
        home: The folder that configured paths are relative to.
        at: When it finished, UTC.
    """
    models = DbtModels(home / settings.manifest)
    open_client(settings, home).emit(build_stage_event(result, settings.namespace, models, at))


def open_client(settings: LineageSettings, home: Path) -> OpenLineageClient:
    """Return a client that sends events to the configured endpoint, or appends them to the configured file.

    Args:
        settings: Endpoint, API key and file.
        home: The folder that configured paths are relative to.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )

    # Without an endpoint the events are appended to a file, from which they can be sent later.
    if settings.url is None:
        file = home / settings.file
        file.parent.mkdir(parents=True, exist_ok=True)
        transport: Any = FileTransport(FileConfig(log_file_path=str(file), append=True))
    else:
        key = settings.api_key
        auth = ApiKeyTokenProvider({"api_key": key.get_secret_value()}) if key else TokenProvider({})
        transport = HttpTransport(HttpConfig(url=settings.url, auth=auth))
    return OpenLineageClient(transport=transport)


def build_stage_event(result: StageResult, namespace: str, models: DbtModels, at: datetime) -> RunEvent:
    """Build the event of a stage: its input and output tables, and what each output column is derived from.

    Args:
        result: What the stage did.
        namespace: The OpenLineage namespace of jobs and datasets.
        models: dbt's models, which the lineage of marts comes from.
        at: When the stage finished, UTC.
    """
    from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState

    graph = LineageGraph(models)
    outputs = [
        build_output_dataset(namespace, table, columns, graph)
        for table, columns in list_declared_tables(get_stage(result.stage)).items()
    ]
    read = sorted({field.name for out in outputs for field in _list_input_fields(out)})
    inputs: list[InputDataset] = [InputDataset(namespace=namespace, name=table) for table in read]
    # Derived from stage, night and time: a client that sends an event twice reports one run.
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


def build_output_dataset(
    namespace: str, table: str, columns: Iterable[str], graph: LineageGraph, **facets: Any
) -> OutputDataset:
    """Build an output dataset with its column lineage.

    Args:
        namespace: The dataset's namespace.
        table: The table that was written.
        columns: Its columns; `*` for all that are not named.
        graph: Where the lineage is looked up.
        facets: Further facets by name.
    """
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    fields, whole = {}, []
    for name in columns:
        sources = graph.find_inputs(ColumnRef(table, name))
        # OpenLineage has no wildcards: what is declared for `*` or for whole tables becomes the dataset's
        # lineage.
        made = [facet.InputField(namespace, source.table, source.name) for source in sources]
        if name == "*" or any(source.name in ("*", WHOLE_TABLE) for source in sources):
            whole += made
        else:
            fields[name] = facet.Fields(inputFields=made)
    lineage = facet.ColumnLineageDatasetFacet(fields=fields, dataset=whole)
    return OutputDataset(namespace=namespace, name=table, facets={"columnLineage": lineage, **facets})


def _list_input_fields(output: OutputDataset) -> list[Any]:
    """Return the input fields of an output's column lineage."""
    facet: Any = (output.facets or {})["columnLineage"]
    return [*facet.dataset, *(field for fields in facet.fields.values() for field in fields.inputFields)]
