"""Commands that only look or explain import no heavy library, so that they answer at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "airflow",
    "dbt",
    "duckdb",
    "feast",
    "great_expectations",
    "mlflow",
    "pandas",
    "pyarrow",
    "pyspark",
    "torch",
}
SCRIPT = """
import json, sys
from typer.testing import CliRunner
from handpick.cli.main import app
result = CliRunner().invoke(app, sys.argv[1:])
print(json.dumps([result.exit_code, sorted({name.split(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["erase", "--help"], set()),
        (["mlflow", "--help"], set()),
        (["settings"], set()),
        (["erase"], {"pyarrow", "duckdb", "pandas"}),
    ],
)
def test_no_command_imports_more_than_it_needs(
    arguments: list[str], allowed: set[str], tmp_path: Path
) -> None:
    (tmp_path / "handpick.toml").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HANDPICK_CONFIG": str(tmp_path / "handpick.toml"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0
    assert HEAVY & set(modules) <= allowed
