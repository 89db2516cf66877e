#!/usr/bin/env bash
# Looks up the known vulnerabilities of every locked package. Exit status 0: none; 1: some, listed; 77: the data could not be had,
# and nothing is known.
set -uo pipefail
cd "$(dirname "$0")/.."
output=$(.venv/bin/pip-audit --disable-pip --require-hashes --requirement locks/dev.lock --progress-spinner off 2>&1)
status=$?
locked=$(grep -c '==' locks/dev.lock)
unknown=$(grep -c 'could not be audited' <<<"$output")
if [[ $unknown -gt $((locked / 2)) ]] ||
  { [[ $status != 0 ]] && grep -qiE 'connect|resolve|timed out|proxy|ServiceError|HTTPError|Max retries|refused|forbidden' <<<"$output"; }; then
  echo "audit: the package index's vulnerability data cannot be had from here, so nothing was checked. Run it where the internet can be reached." >&2
  exit 77
fi
echo "$output"
echo "audit: $((locked - unknown)) of $locked packages were looked up."
exit "$status"
