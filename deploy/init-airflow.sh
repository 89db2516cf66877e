#!/usr/bin/env bash
# Runs once before Airflow's components: the database's tables, the roles, the admin's login and dbt's manifest.
set -euo pipefail
airflow db migrate
python deploy/init_access.py
python -c 'from handpick.settings.load import load; from handpick.stages.warehouse.manifest import parse_manifest; parse_manifest(load())'
