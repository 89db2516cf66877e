#!/usr/bin/env bash
# Installs .venv from pyproject.toml and constraints.txt; does nothing if they have not changed since the last time.
#   install.sh            what Handpick needs to run
#   install.sh --demo     also speech for the demo shop (espeak-ng, under the GPL-3)
#   install.sh --dev      also what tests, lint and docs need
set -euo pipefail
cd "$(dirname "$0")/.."

stop() { echo "handpick: $*" >&2; exit 1; }

python=""
for candidate in "${PYTHON:-}" python3.12 python3.11 python3 python; do
  [[ -n $candidate ]] && command -v "$candidate" >/dev/null 2>&1 || continue
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[[ -n $python || -x .venv/bin/python ]] ||
  stop "Python 3.11 or 3.12 is needed ($(python3 --version 2>/dev/null || echo 'no Python') found). Install python3.11 with its venv module, or set the path of one: PYTHON=/path/to/python3.11 make run"

# Only Spark needs Java; without it nights run on DuckDB.
java=java
[[ -n ${JAVA_HOME:-} && -x $JAVA_HOME/bin/java ]] && java=$JAVA_HOME/bin/java
version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || true
if [[ ${version:-0} -lt 17 ]]; then
  [[ ${HANDPICK__TRANSFORM__ENGINE:-auto} != spark ]] ||
    stop "Java 17 or newer is needed for ENGINE=spark (${version:-none} found). Install a JRE, for example Debian's openjdk-17-jre-headless, or set JAVA_HOME; without ENGINE=spark the night runs on DuckDB."
  java=""
fi

group=run
case ${1:-} in
  --dev) group=dev enough=(dev) ;;
  --demo) group=demo enough=(demo dev) ;;
  *) group=run enough=(run demo dev) ;;
esac
stamp=.venv/.installed-$group
want=$(cat pyproject.toml constraints.txt scripts/install.sh scripts/packages.sh | sha256sum | cut -d' ' -f1)
# What is installed for a larger group is enough for a smaller one.
for other in "${enough[@]}"; do
  [[ -f .venv/.installed-$other && $(cat ".venv/.installed-$other") == "$want" ]] && exit 0
done

began=$(date +%s)
echo "Installing the environment into .venv (about 3 GB; once) ..."
[[ -x .venv/bin/python ]] || "$python" -m venv .venv ||
  stop "$python cannot create a virtual environment; install its venv module (Debian: python3-venv)."
.venv/bin/python -m uv --version >/dev/null 2>&1 ||
  .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check uv ||
  stop "uv could not be installed from the package index; the environment was not changed. Run again when the index can be reached."
export UV_LINK_MODE=${UV_LINK_MODE:-copy}
# A night starts about twenty processes. With byte code compiled once, each starts seconds sooner, also where
# PYTHONDONTWRITEBYTECODE keeps Python from writing it.
scripts/packages.sh .venv/bin/python "$group" --compile-bytecode ||
  stop "some packages could not be installed (see above); run again to continue with those that are missing."
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --editable . 
# Optional: without these, Spark starts some seconds later, and the first night compiles the numba kernels itself.
.venv/bin/python -m handpick.pipeline.warm_up >/dev/null 2>&1 &
[[ -z $java ]] || .venv/bin/python -m handpick.runtime.jvm_archive >/dev/null 2>&1 || true
wait
rm -f .venv/.installed-*
echo "$want" >"$stamp"
echo "Installed in $(($(date +%s) - began)) s."
