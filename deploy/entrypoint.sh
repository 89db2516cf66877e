#!/usr/bin/env bash
# Starts one part of the deployment: `airflow ...`, `handpick ...`, or `spark-class ...` from the pyspark package.
set -euo pipefail
if [[ ${1:-} == spark-class ]]; then
  SPARK_HOME=$(python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
  export SPARK_HOME
  set -- "$SPARK_HOME/bin/spark-class" "${@:2}"
fi
exec "$@"
