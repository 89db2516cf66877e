#!/usr/bin/env bash
# Runs once before Airflow's components: the database's tables, dbt's manifest and the admin's login.
set -euo pipefail
airflow db migrate
python - <<'PY'
import json
import os
from pathlib import Path

file = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
file.parent.mkdir(parents=True, exist_ok=True)
file.touch(mode=0o600)
file.write_text(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))
PY
python -c 'from handpick.settings.load import load; from handpick.stages.warehouse.manifest import parse_manifest; parse_manifest(load())'
