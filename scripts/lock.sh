#!/usr/bin/env bash
# Writes locks/*.lock from pyproject.toml and the versions in constraints.txt: every package that is installed, with the
# SHA-256 of each of its files, for Python 3.11 and 3.12 on every platform. Run it after a change of either file.
set -euo pipefail
cd "$(dirname "$0")/.."
write() { # file, then which requirements
  local file=locks/$1.lock
  shift
  # 3.11.5 is the oldest version that all packages accept.
  .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11.5 --generate-hashes --no-annotate --no-header \
    --no-emit-package handpick --constraints constraints.txt --output-file "$file" "$@"
  echo "$file: $(grep -c '==' "$file") packages"
}
write run pyproject.toml
write demo pyproject.toml --extra demo
write dev pyproject.toml --extra demo --group dev
