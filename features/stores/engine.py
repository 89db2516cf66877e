"""A batch engine that passes whole Arrow tables to online stores that can write them."""

from __future__ import annotations

from typing import Any, Literal

from feast.infra.common.materialization_job import MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.local.compute import LocalComputeEngine, LocalComputeEngineConfig
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.utils import _get_column_names

from features.stores.columns import ColumnWriter


class ArrowComputeEngineConfig(LocalComputeEngineConfig):
    """Settings of the local engine, without additions."""

    type: Literal["features.stores.engine.ArrowComputeEngine"] = "features.stores.engine.ArrowComputeEngine"


class ArrowComputeEngine(LocalComputeEngine):
    """Feast's local engine, which passes Arrow tables instead of pandas frames and protobuf objects.

    The offline store returns one row per entity, so a plain view needs no further filtering. Views with
    transformations or aggregations, and stores that can only write rows, are left to Feast's own
    implementation.
    """

    def __init__(self, **kwargs: Any) -> None:
        # Feast passes the configured class name on, but its local engine would treat it as a setting.
        kwargs.pop("type", None)
        super().__init__(**kwargs)

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **kwargs: Any
    ) -> LocalMaterializationJob:
        """Write one view's newest values online, as columns where the view and the store allow it."""
        view, store = task.feature_view, self.online_store
        plain = not (getattr(view, "feature_transformation", None) or getattr(view, "aggregations", None))
        if not (plain and task.only_latest and isinstance(store, ColumnWriter) and view.batch_source):
            return super()._materialize_one(registry, task, **kwargs)
        job_id = f"{view.name}-{task.start_time}-{task.end_time}"
        try:
            entities = [registry.get_entity(name, task.project) for name in view.entities]
            keys, names, timestamp, created = _get_column_names(view, entities)
            rows = self.offline_store.pull_latest_from_table_or_query(
                config=self.repo_config,
                data_source=view.batch_source,
                join_key_columns=keys,
                feature_name_columns=names,
                timestamp_field=timestamp,
                created_timestamp_column=created,
                start_date=task.start_time,
                end_date=task.end_time,
            ).to_arrow()
            mapping = view.batch_source.field_mapping
            rows = rows.rename_columns([mapping.get(name, name) for name in rows.column_names])
            store.write_columns(self.repo_config, view, rows)
        except Exception as error:  # Feast expects the error in the job and raises it from there
            return LocalMaterializationJob(job_id=job_id, status=MaterializationJobStatus.ERROR, error=error)
        return LocalMaterializationJob(job_id=job_id, status=MaterializationJobStatus.SUCCEEDED)
