"""Two whole nights at rung XS through Airflow, as a newcomer runs them.

Shared by all tests that look at the outcome.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pytest import TempPathFactory

from handpick.local_airflow.processes import find_log_file
from handpick.night import Night
from handpick.settings.load import Settings, load

SETTINGS = """
[airflow]
port = {port}
retries = 0
[transform]
engine = "{engine}"
[pretraining.text]
steps = 60
[pretraining.image]
steps = 40
[pretraining.audio]
steps = 60
phrases = 100
"""
"""Encoders learn for a shorter time than a shop's would, to keep the tests short."""
ENGINES = ("auto", "spark")
"""Engine of each night; `auto` is DuckDB here."""


PLANTED_SECRETS = {
    "HANDPICK__LINEAGE__API_KEY": "pl4nted-key-Zq9x",
    "HANDPICK__FEATURES__POSTGRES_DSN": "postgresql://feast:pl4nted-dsn-Zq9x@localhost/x",
    "PGPASSWORD": "pl4nted-environment-Zq9x",
}
"""Secrets in the environment of all commands, and so of Airflow's processes; no night needs them."""


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class House:
    """A folder with a shop, its nights and an Airflow that is up."""

    folder: Path
    port: int
    outputs: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What commands are run with; wide enough that tables are not folded."""
        own = {"HANDPICK_CONFIG": str(self.folder / "handpick.toml"), "COLUMNS": "200"}
        return {**os.environ, **PLANTED_SECRETS, **own}

    @property
    def settings(self) -> Settings:
        """The settings as the nights had them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HANDPICK_CONFIG", str(self.folder / "handpick.toml"))
            return load()

    def handpick(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of the product."""
        command = [sys.executable, "-m", "handpick.cli.main", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=900, **options
        )

    def servers_said(self) -> str:
        """What the servers logged last: the reason, where a night failed for no fault of its stages."""
        settings = self.settings
        logs = [find_log_file(settings, "api-server"), settings.path(settings.serving.embedded_path) / "log"]
        return "\n".join(
            f"{log.name}:\n{log.read_text(errors='replace')[-6000:]}" for log in logs if log.is_file()
        )

    def nights(self) -> list[Night]:
        """The nights that have run, oldest first."""
        settings = self.settings
        ledger = settings.path(settings.lake.root) / "ledger"
        days = sorted(folder.name.removeprefix("logical_date=") for folder in ledger.glob("logical_date=*"))
        return [Night(settings, date.fromisoformat(day)) for day in days]


def furnished(folder: Path, port: int, engine: str = "auto") -> House:
    """A folder with its settings."""
    (folder / "handpick.toml").write_text(SETTINGS.format(port=port, engine=engine))
    return House(folder, port)


@pytest.fixture(scope="session")
def house(tmp_path_factory: TempPathFactory) -> Iterator[House]:
    """Airflow up, the first night done on DuckDB and the second on Spark, each by `handpick run`."""
    house = furnished(tmp_path_factory.mktemp("house"), free_port())
    try:
        up = house.handpick("up")
        assert up.returncode == 0, up.stderr
        outputs = []
        for engine in ENGINES:
            furnished(house.folder, house.port, engine)
            done = house.handpick("run", "--rung", "XS")
            assert done.returncode == 0, f"{done.stderr[-5000:]}\n{house.servers_said()}"
            outputs.append(done.stdout)
        yield House(house.folder, house.port, tuple(outputs))
    finally:
        house.handpick("down")
