"""The feature repository as configured: registry, offline and online store, applied."""

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
from handpick.settings.load import Settings

REPOSITORY = Path(features.__file__).parent
WRITTEN = "feature_store.yaml"


class FeatureStoreError(HandpickError):
    """The feature store's registry, offline or online store refused what was asked of it."""


def applied(night: Night) -> FeatureStore:
    """The store, with every definition of `features/` registered and its online tables made.

    What was used is written to `<features.path>/feature_store.yaml` without passwords, for the `feast` command.
    """
    from features.definitions import OBJECTS

    settings = night.settings
    folder = settings.path(settings.features.path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WRITTEN).write_text(
        "# Written by every night; the secrets are read from the environment.\n"
        + yaml.safe_dump(configuration(settings, secrets=False), sort_keys=False)
    )
    store = opened(settings, night.logical_date)
    with quietly("apply the feature definitions", settings):
        store.apply(list(OBJECTS), partial=False)
    return store


def opened(settings: Settings, through: date | None = None) -> FeatureStore:
    """The store as configured; its training rows come from nights up to and including `through`."""
    if settings.features.offline_store == "spark":
        from handpick.runtime.spark import session

        session(settings)  # Feast takes the one that runs
    raw = configuration(settings)
    if through is not None:
        raw["offline_store"]["through"] = through
    return FeatureStore(config=RepoConfig(**raw, repo_path=REPOSITORY))


def configuration(settings: Settings, secrets: bool = True) -> dict[str, Any]:
    """Feast's configuration: the repository's own `feature_store.yaml` with what is configured in its place.

    Args:
        secrets: Put passwords in; otherwise the names of environment variables that hold them.
    """
    raw: dict[str, Any] = yaml.safe_load((REPOSITORY / WRITTEN).read_text())
    folder = settings.path(settings.features.path)
    raw["registry"]["path"] = str(folder / "registry.db")
    raw["offline_store"]["root"] = str(settings.path(settings.lake.root))
    if settings.features.offline_store == "spark":
        raw["offline_store"]["type"] = "features.stores.spark.LakeSparkOfflineStore"
    raw["online_store"] = _online(settings, folder, secrets)
    return raw


def _online(settings: Settings, folder: Path, secrets: bool) -> dict[str, Any]:
    chosen = settings.features
    if chosen.online_store == "sqlite":
        return {"type": "features.stores.sqlite.FastSqliteOnlineStore", "path": str(folder / "online.db")}
    if chosen.online_store == "redis":
        address = chosen.redis.get_secret_value() if secrets else "${HANDPICK__FEATURES__REDIS}"
        return {"type": "features.stores.redis.FastRedisOnlineStore", "connection_string": address}
    from psycopg.conninfo import conninfo_to_dict

    from handpick.serving.connection import dsn_of

    dsn = chosen.postgres_dsn.get_secret_value() if chosen.postgres_dsn else dsn_of(settings)
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
def quietly(what: str, settings: Settings) -> Any:
    """Run Feast without its progress lines; what the stores refuse becomes one line.

    Raises:
        FeatureStoreError: If Feast or a store raised anything.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HandpickError:
        raise
    except OSError as error:
        raise FeatureStoreError(_line(what, settings, error)) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("redis", "psycopg", "sqlite3"):
            raise FeatureStoreError(_line(what, settings, error)) from error
        raise


def _line(what: str, settings: Settings, error: Exception) -> str:
    chosen = settings.features.online_store
    return (
        f"could not {what}: the {chosen} online store said: {' '.join(str(error).split())}. The lake's feature tables "
        f"are unharmed; mend features.{'redis' if chosen == 'redis' else 'online_store'} and run `handpick features` again."
    )
