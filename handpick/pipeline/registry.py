"""The stages, declared once: order, what each reads and writes, its ledger checks, libraries and resources.

Everything that has to know the stages derives it from `STAGES`: the runner, the commands, the DAGs, lineage,
the reconciliation of the ledger, the errors that say which stage to run first, the report and the
documentation page. A stage is added by one entry here and one package `handpick/stages/<name>/` with
`run(night) -> StageResult`.

This module imports nothing of Handpick, so that every package may import it, whatever its layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

ANY = "*"
"""Stands for every source of a stage in a `FlowCheck`."""


class Resource(StrEnum):
    """A resource that a stage occupies, in addition to a processor core, for as long as it runs."""

    ENGINE = "all processor cores, for DuckDB; or Java and a Spark session, by transform.engine"
    TORCH = "all processor cores, or a GPU where there is one"
    SERVING = "the serving database"


@dataclass(frozen=True)
class FlowCheck:
    """What must hold of one ledger line, beyond its own balance.

    Args:
        source: The line's source, or `*` for every source of the stage; `*` in the other arguments is
            replaced by it.
        written: The lake table that holds exactly `rows_out` rows.
        dropped: The lake table that holds exactly `rows_dropped` rows.
        continues: The stage and source whose `rows_out` are this line's `rows_in`.
    """

    source: str
    written: str | None = None
    dropped: str | None = None
    continues: tuple[str, str] | None = None


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Args:
        name: Its verb, which is also its command, its task and its package below `handpick.stages`.
        title: What it does, in one line.
        reads: Its inputs: lake tables or their first parts (`clean` for all of `clean/…`), or `landing`.
        writes: Its outputs, in the same terms; `serving` is the serving database.
        flows: Checks of its ledger lines against the lake and the stages before it.
        preload: Heavy libraries, imported before `run` is called, so that their loading time is measured
            apart.
        resources: What it needs as long as it runs.
        engine_setting: Key of the setting by which it runs on Spark.
        is_nightly: Whether every night runs it, in the order of this file; others run by a schedule of their
            own.
        former_name: What it was called before; old results are still found, the old command names the new
            one.
    """

    name: str
    title: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    flows: tuple[FlowCheck, ...] = ()
    preload: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    engine_setting: str | None = None
    is_nightly: bool = True
    former_name: str | None = None

    @property
    def module(self) -> str:
        """The package that holds `run(night) -> StageResult`."""
        return f"handpick.stages.{self.name}"

    @property
    def command(self) -> str:
        """Its subcommand of `handpick`."""
        return self.name.replace("_", "-")

    def find_check(self, source: str) -> FlowCheck | None:
        """Return the check of a ledger line with `*` filled in, or None where none is declared."""
        check = next((check for check in self.flows if check.source in (source, ANY)), None)
        if check is None:
            return None
        before = check.continues
        return FlowCheck(
            source,
            written=check.written and check.written.replace(ANY, source),
            dropped=check.dropped and check.dropped.replace(ANY, source),
            continues=before and (before[0], before[1].replace(ANY, source)),
        )


_MODEL_INPUTS = ("marts", "embeddings", "features")
"""Lake tables that every stage with models reads."""

STAGES: list[Stage] = [
    Stage(
        "land",
        "Copy new files into the lake, row for row, as text",
        reads=("landing",),
        writes=("raw",),
        flows=(FlowCheck(ANY, written="raw/*"),),
        preload=("pyarrow",),
    ),
    Stage(
        "validate",
        "Check every row against the contracts; quarantine what breaks them",
        reads=("raw",),
        writes=("valid", "quarantine", "docs"),
        flows=(FlowCheck(ANY, written="valid/*", dropped="quarantine/*", continues=("land", ANY)),),
        preload=("duckdb", "pyarrow.parquet"),
        resources=(Resource.ENGINE,),
        engine_setting="transform.engine",
    ),
    Stage(
        "transform",
        "Clean, normalize and sessionize",
        reads=("valid",),
        writes=("clean",),
        flows=(
            FlowCheck("items", written="clean/items"),
            FlowCheck("users", written="clean/users"),
            FlowCheck("queries", written="clean/queries", continues=("validate", "queries")),
            FlowCheck("interactions", written="clean/interactions", continues=("validate", "events")),
        ),
        preload=("duckdb", "pyarrow.parquet"),
        resources=(Resource.ENGINE,),
        engine_setting="transform.engine",
    ),
    Stage(
        "warehouse",
        "Build and test the warehouse with dbt",
        reads=("clean", "ledger_flows"),
        writes=("marts",),
        preload=("dbt.cli.main", "duckdb"),
        former_name="model",
        engine_setting="warehouse.target",
    ),
    # Trains on the marts, so it stands after the warehouse, but runs weekly.
    Stage(
        "pretrain",
        "Train the shop's own encoders on its texts, pictures and phrases",
        reads=("marts", "landing"),
        writes=("encoders", "pretraining"),
        preload=("torch", "transformers"),
        resources=(Resource.TORCH,),
        is_nightly=False,
    ),
    Stage(
        "embed",
        "Encode what changed: text, pictures, voice",
        reads=("marts", "landing", "encoders"),
        writes=("embeddings", "encoders"),
        preload=("torch", "transformers"),
        resources=(Resource.TORCH,),
    ),
    Stage(
        "feature_store",
        "Build point-in-time training rows and online features with Feast",
        reads=("clean", "marts"),
        writes=("features",),
        preload=("handpick.stages.feature_store.feast_loading",),
        former_name="features",
        engine_setting="features.offline_store",
    ),
    Stage(
        "train",
        "Train the fusion model and the collaborative family",
        reads=("encoders", *_MODEL_INPUTS),
        writes=("models",),
        preload=("torch", "implicit"),
        resources=(Resource.TORCH,),
    ),
    Stage(
        "evaluate",
        "Measure every model on the held-out window, by slice",
        reads=("models", *_MODEL_INPUTS),
        writes=("evaluation",),
        preload=("torch", "implicit"),
        resources=(Resource.TORCH,),
    ),
    Stage(
        "gate",
        "Compare the challenger with the champion; decide which scores tonight",
        reads=("models", "evaluation", *_MODEL_INPUTS),
        writes=("gate",),
        preload=("torch",),
        resources=(Resource.TORCH,),
    ),
    Stage(
        "score",
        "Make the lists: exact top-N with rules, diversity and reasons",
        reads=("models", "evaluation", "gate", *_MODEL_INPUTS),
        writes=("lists",),
        preload=("torch",),
        resources=(Resource.TORCH,),
        engine_setting="score.engine",
    ),
    Stage(
        "publish",
        "Load a new list version and move the pointer",
        reads=("lists", "gate", "evaluation", "marts"),
        writes=("serving", "exports"),
        preload=("psycopg", "pyarrow"),
        resources=(Resource.SERVING,),
    ),
    Stage(
        "report",
        "Compare the night with those before, measure experiments, and write the report",
        reads=(
            "valid",
            "quarantine",
            "lists",
            "gate",
            "evaluation",
            "models",
            "ledger_flows",
            *_MODEL_INPUTS,
        ),
        writes=("report", "experiments", "drift"),
        flows=(
            FlowCheck("outcomes of experiments", written="experiments/outcomes"),
            FlowCheck("results of experiments", written="experiments/results"),
        ),
        preload=("jinja2",),
    ),
]
"""All stages, in the order in which a night runs them."""


def get_stage(name: str) -> Stage:
    """Return a stage by its present name.

    Raises:
        KeyError: If there is none.
    """
    found = next((stage for stage in STAGES if stage.name == name), None)
    if found is None:
        raise KeyError(name)
    return found


def list_nightly_stages() -> list[Stage]:
    """Return the stages of a night, in order."""
    return [stage for stage in STAGES if stage.is_nightly]


def list_nightly_names(through: str | None = None) -> list[str]:
    """Return the names of a night's stages in order, up to and including one of them."""
    names = [stage.name for stage in list_nightly_stages()]
    return names if through is None else names[: names.index(through) + 1]


def find_writing_stage(table: str) -> Stage | None:
    """Return the stage that writes a lake table or a served relation, or None where no stage does."""
    # `marts/dim_item` in the lake and `serving.recommendations` in the database start with what is declared.
    first = table.split("/", maxsplit=1)[0].split(".", maxsplit=1)[0]
    return next((stage for stage in STAGES if {table, first} & set(stage.writes)), None)


def find_input_stages(stage: Stage) -> Iterator[Stage]:
    """Yield the stages whose output a stage reads, in order."""
    for other in STAGES:
        if other is not stage and set(other.writes) & set(stage.reads):
            yield other
