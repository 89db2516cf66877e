"""The Feast feature store as configured: registry, offline and online store."""

from __future__ import annotations

import contextlib
import io
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from feast import FeatureStore, RepoConfig

import features
from handpick.errors import HandpickError
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.settings.load import Settings
from handpick.stages.feature_store.damaged_files import remove_damaged_files

REPOSITORY = Path(features.__file__).parent
CONFIGURATION_FILE = "feature_store.yaml"


class FeatureStoreError(HandpickError):
    """The feature store's registry, offline or online store could not be reached or refused a request."""


def apply_definitions(night: Night) -> FeatureStore:
    """Open the store, register every definition of `features/` and create the tables of its online store.

    The configuration is written to `<features.path>/feature_store.yaml`, without passwords, for the `feast`
    command.

    Raises:
        FeatureStoreError: If the registry or the online store cannot be reached or refuses a request.
    """
    from features.definitions import OBJECTS

    settings = night.settings
    folder = settings.path(settings.features.path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIGURATION_FILE).write_text(
        "# Written by every night; the secrets are read from the environment.\n"
        + yaml.safe_dump(build_configuration(settings, secrets=False), sort_keys=False)
    )
    for problem in remove_damaged_files(settings):
        log_progress(f"  {problem}; it is made anew from the lake")
    store = open_store(settings, night.logical_date)
    with run_feast("apply the feature definitions", settings):
        store.apply(list(OBJECTS), partial=False)
    return store


def open_store(settings: Settings, through: date | None = None) -> FeatureStore:
    """Open the store as configured.

    Args:
        settings: All settings.
        through: The last night that historical features are read from; all by default.
    """
    if settings.features.offline_store == "spark":
        from handpick.runtime.spark import get_spark_session

        get_spark_session(
            settings
        )  # Feast uses the active session; without one it would start its own with other settings
    raw = build_configuration(settings)
    if through is not None:
        raw["offline_store"]["through"] = through
    return FeatureStore(config=RepoConfig(**raw, repo_path=REPOSITORY))


def build_configuration(settings: Settings, secrets: bool = True) -> dict[str, Any]:
    """Return Feast's configuration: the repository's `feature_store.yaml` with the settings' values.

    Args:
        settings: All settings.
        secrets: Whether to include passwords; otherwise the environment variables that hold them are named.
    """
    raw: dict[str, Any] = yaml.safe_load((REPOSITORY / CONFIGURATION_FILE).read_text())
    folder = settings.path(settings.features.path)
    raw["registry"]["path"] = str(folder / "registry.db")
    raw["offline_store"]["root"] = str(settings.path(settings.lake.root))
    if settings.features.offline_store == "spark":
        raw["offline_store"]["type"] = "features.stores.spark.LakeSparkOfflineStore"
    raw["online_store"] = _build_online_store(settings, folder, secrets)
    return raw


def _build_online_store(settings: Settings, folder: Path, secrets: bool) -> dict[str, Any]:
    """Return the online store's part of the configuration."""
    chosen = settings.features
    if chosen.online_store == "sqlite":
        return {"type": "features.stores.sqlite.FastSqliteOnlineStore", "path": str(folder / "online.db")}
    if chosen.online_store == "redis":
        address = chosen.redis.get_secret_value() if secrets else "${HANDPICK__FEATURES__REDIS}"
        return {"type": "features.stores.redis.FastRedisOnlineStore", "connection_string": address}
    from psycopg.conninfo import conninfo_to_dict

    from handpick.serving.connection import get_dsn

    dsn = chosen.postgres_dsn.get_secret_value() if chosen.postgres_dsn else get_dsn(settings)
    parts = conninfo_to_dict(dsn)
    return {
        "type": "features.stores.postgres.FastPostgreSQLOnlineStore",
        "host": str(parts.get("host") or "localhost"),
        "port": int(parts.get("port") or 5432),
        "database": str(parts.get("dbname") or parts.get("user") or "postgres"),
        "user": str(parts.get("user") or "postgres"),
        "password": str(parts.get("password") or "") if secrets else "${PGPASSWORD}",
        "db_schema": chosen.postgres_schema,
        "sslmode": str(parts.get("sslmode") or "prefer"),
    }


@contextlib.contextmanager
def run_feast(what: str, settings: Settings) -> Any:
    """Run Feast without its progress output and report errors of its stores in one line.

    Args:
        what: The action, as it follows "could not" in the error.
        settings: All settings.

    Raises:
        FeatureStoreError: If the file system or a store's client raised an error; others are bugs and pass
            through.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HandpickError:
        raise
    except OSError as error:
        raise FeatureStoreError(_describe_error(what, settings, error)) from error
    except Exception as error:
        # By name: importing the clients of all stores only to catch their errors would take longer than the
        # stage.
        if type(error).__module__.split(".")[0] in ("redis", "psycopg", "sqlite3"):
            raise FeatureStoreError(_describe_error(what, settings, error)) from error
        raise


def _describe_error(what: str, settings: Settings, error: Exception) -> str:
    """Return an error's cause, its effect on the data and the next step, in one line."""
    chosen = settings.features.online_store
    return (
        f"could not {what}: the {chosen} online store reported: {' '.join(str(error).split())}. The lake's "
        f"feature tables are intact; correct features.{'redis' if chosen == 'redis' else 'online_store'} "
        "and run `handpick feature-store` again."
    )
