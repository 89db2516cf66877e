#!/usr/bin/env bash
# Installs the pinned packages of a group into the environment of a Python: packages.sh PYTHON run|demo|dev [OPTIONS OF uv]
# Every file must have a SHA-256 of locks/GROUP.lock. Only where you give wheels of your own (PIP_FIND_LINKS or
# UV_FIND_LINKS, for example a CPU build of torch) are versions all that is checked, as such wheels are not in the lock.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 group=$2
shift 2
# uv does not read pip's variable for folders of local wheels.
export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
uv=("$python" -m uv pip install --quiet --python "$python" "$@")
if [[ -z $UV_FIND_LINKS ]]; then
  unset UV_FIND_LINKS
  exec "${uv[@]}" --require-hashes --requirement "locks/$group.lock"
fi
requirements=(--requirement pyproject.toml)
[[ $group == run ]] || requirements+=(--extra demo)
[[ $group == dev ]] && requirements+=(--group dev)
exec "${uv[@]}" --constraints constraints.txt "${requirements[@]}"
