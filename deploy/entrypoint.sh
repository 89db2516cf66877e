#!/usr/bin/env bash
# Starts one part of the deployment: `airflow ...`, `handpick ...`, or `spark-class ...` from the pyspark package.
set -euo pipefail
umask 077
if [[ ${1:-} == spark-class ]]; then
  SPARK_HOME=$(python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
  export SPARK_HOME
  # In a file, as arguments are visible to every process of the machine.
  cat >/tmp/spark.conf <<CONF
spark.authenticate true
spark.authenticate.secret ${HANDPICK__SPARK__SECRET:?run make compose-init}
spark.network.crypto.enabled true
CONF
  set -- "$SPARK_HOME/bin/spark-class" "${@:2}"
fi
exec "$@"
