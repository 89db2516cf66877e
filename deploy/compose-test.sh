#!/usr/bin/env bash
# The release check of docker-compose.yml: builds it, brings it up, runs a night at rung XS through the scheduler with
# the transforms on the Spark cluster and the features in Redis, reads the lists as a consumer, and takes it all down.
#   BUILD_OPTIONS="--network host"   further options of docker build
set -euo pipefail
cd "$(dirname "$0")/.."
began=$(date +%s)
night=2026-03-01

if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--project-name handpick-test --file docker-compose.yml --file deploy/compose-test.yml)
fail() {
  echo "compose-test: $*" >&2
  "${compose[@]}" logs --tail 30 >&2 || true
  exit 1
}
say() { echo "$(($(date +%s) - began)) s  $*"; }
down() { "${compose[@]}" down --volumes --timeout 10 >/dev/null 2>&1 || true; }
trap down EXIT

[[ -f .env ]] || deploy/init-env.sh
set -a
# shellcheck source=/dev/null
. ./.env
set +a

say "building the image"
# shellcheck disable=SC2086
docker build --quiet ${BUILD_OPTIONS:-} --build-arg GROUP=demo \
  --build-arg PYTHON_IMAGE="${PYTHON_IMAGE:-python:3.11-slim-bookworm}" --tag handpick:latest . >/dev/null || fail "the image does not build"
down
say "starting the servers"
"${compose[@]}" up --detach >/dev/null 2>&1 || fail "the servers do not come up"

inside() { "${compose[@]}" exec -T "$@"; }
say "making a demo shop"
inside scheduler handpick demo --rung XS 2>/dev/null || fail "the demo shop cannot be made"
say "running the night of $night through the scheduler"
# The DAG is known only after the DAG processor has read its file.
for attempt in $(seq 24); do
  output=$(inside scheduler airflow dags trigger nightly_recommendations --run-id compose-test \
    --logical-date "${night}T00:00:00+00:00" --output plain 2>&1) && break
  [[ $attempt -lt 24 ]] || fail "the night cannot be triggered: $(tail -n 1 <<<"$output")"
  sleep 5
done
# Airflow's own command would load Airflow for each query, and take processor time from the night.
query_airflow() { inside -e PGPASSWORD="$AIRFLOW_DB_PASSWORD" postgres psql -h 127.0.0.1 -U airflow -d airflow -tAX -c "$1"; }
state=queued
for _ in $(seq 180); do
  state=$(query_airflow "select state from dag_run where run_id = 'compose-test'" 2>/dev/null || true)
  [[ $state == success || $state == failed ]] && break
  sleep 5
done
if [[ $state != success ]]; then
  query_airflow "select task_id, state, start_date, end_date from task_instance where run_id = 'compose-test' and start_date is not null
    order by start_date" >&2 || true
  fail "the night ended as $state"
fi
say "the night is done"

reader() {
  inside -e PGPASSWORD="$HANDPICK_READER_PASSWORD" postgres \
    psql -h 127.0.0.1 -U handpick_reader -d handpick -tAX -v ON_ERROR_STOP=1 -c "$1"
}
users=$(reader "select count(distinct user_id) from serving.recommendations")
[[ $users -gt 0 ]] || fail "the read-only role sees no lists"
for forbidden in "delete from serving.list_versions" "create temporary table mine (x int)" "select lo_create(0)" \
  "select pg_advisory_lock(1)" "create table public.mine (x int)"; do
  reader "set default_transaction_read_only = off; $forbidden" >/dev/null 2>&1 && fail "the read-only role may: $forbidden"
done
inside -e PGPASSWORD="$HANDPICK_READER_PASSWORD" postgres psql -h 127.0.0.1 -U handpick_reader -d airflow -c "select 1" \
  >/dev/null 2>&1 && fail "the read-only role may enter Airflow's database"
inside -e PGPASSWORD="$HANDPICK_DB_PASSWORD" postgres psql -h 127.0.0.1 -U handpick -d airflow -c "select 1" \
  >/dev/null 2>&1 && fail "the publishing role may enter Airflow's database"
inside -e HANDPICK__SPARK__SECRET=wrong scheduler timeout 60 python -c "from handpick.runtime.spark import get_spark_session as s
from handpick.settings.load import load
s(load()).range(3).count()" >/dev/null 2>&1 && fail "the Spark cluster takes work without its secret"
applications=$(inside scheduler python -c "import json, urllib.request as u
page = json.load(u.urlopen('http://spark-master:8081/json/'))
print(len(page['completedapps']) + len(page['activeapps']))")
[[ $applications -gt 0 ]] || fail "no Spark application ran on the cluster"
keys=$(inside -e REDISCLI_AUTH="$REDIS_PASSWORD" redis redis-cli dbsize | tr -dc 0-9)
[[ $keys -gt 0 ]] || fail "Redis holds no features"
root=$("${compose[@]}" ps -q | while read -r id; do
  docker top "$id" -eo pid,user,comm 2>/dev/null | awk 'NR > 1 && $2 == "root" && $3 !~ /^(tini|sh)$/'
done || true)
[[ -z $root ]] || fail "processes run as root: $root"
reader "select user_id, rank, item_id, round(score::numeric, 3), reason from serving.recommendations order by 1, 2 limit 3"
say "green: $users users have lists, $applications Spark applications, $keys keys in Redis"
