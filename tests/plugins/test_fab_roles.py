"""The roles of the deployment: what each may do on the pages, by Airflow's FAB auth manager and a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
sys.path[:0] = ["deploy", "plugins"]
from airflow.utils.db import initdb
initdb()
import init_access
init_access.main()
init_access.main()
from airflow.api_fastapi.app import create_auth_manager
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
create_auth_manager()
with get_application_builder() as builder:
    from flask import current_app
    from recommendation_pages.access import find_rights
    from airflow.api_fastapi.app import get_auth_manager
    manager, found = builder.sm, {}
    for role in ("Public", "Viewer", "Merchandiser", "Op", "Admin"):
        name = f"a-{role.lower()}"
        user = manager.add_user(name, "A", role, f"{name}@x", manager.find_role(role), password="secret-of-test")
        may_read = get_auth_manager().is_authorized_dag(method="GET", user=user)
        found[role] = [bool(may_read), sorted(find_rights(user))]
    keys = ["handpick-merchandisers", "strangers"]
    mapped = manager._oauth_calculate_user_roles({"role_keys": keys}) if sys.argv[1:] else []
    found["mapped"] = sorted(role.name for role in mapped)
    found["type"] = current_app.config["AUTH_TYPE"]
print("FOUND " + json.dumps(found))
"""


@pytest.mark.airflow
def test_each_role_of_the_deployment_may_do_its_part_and_groups_become_roles(tmp_path: Path) -> None:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__FAB__CONFIG_FILE": str(ROOT / "deploy" / "webserver_config.py"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW_ADMIN_PASSWORD": "of-this-test",
        "PYTHONPATH": str(ROOT),
        "OIDC_ISSUER": "https://login.example/realms/shop",
        "OIDC_CLIENT_ID": "handpick",
        "OIDC_CLIENT_SECRET": "of-this-test",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "oidc"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert found == {
        "Public": [False, []],
        "Viewer": [True, []],
        "Merchandiser": [True, ["release", "roll back"]],
        "Op": [True, ["override", "release", "roll back"]],
        "Admin": [True, ["erase", "override", "release", "roll back"]],
        "mapped": ["Merchandiser", "Public"],
        "type": 4,
    }
