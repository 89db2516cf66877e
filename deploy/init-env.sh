#!/usr/bin/env bash
# Writes .env with secrets of its own for docker-compose.yml; leaves an existing one alone.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -f .env ]]; then
  echo ".env is there already and was left alone; delete it to make new secrets (the database keeps its old ones)."
  exit 0
fi
secret() { python3 -c 'import secrets; print(secrets.token_urlsafe(24))'; }
key() { python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'; }
umask 077
cat >.env <<ENV
POSTGRES_PASSWORD=$(secret)
AIRFLOW_DB_PASSWORD=$(secret)
HANDPICK_DB_PASSWORD=$(secret)
SPARK_SECRET=$(secret)
HANDPICK_READER_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
AIRFLOW_ADMIN_PASSWORD=$(secret)
AIRFLOW_FERNET_KEY=$(key)
AIRFLOW_API_SECRET=$(secret)
AIRFLOW_JWT_SECRET=$(secret)
AIRFLOW_PORT=8080
ENV
echo "Wrote .env. Sign in as admin with the AIRFLOW_ADMIN_PASSWORD in it."
