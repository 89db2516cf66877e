#!/usr/bin/env bash
# Writes the base images with the digests that their tags have now into .env, from where docker-compose.yml takes them: from
# then on, only these very images are used. Run it again to move to newer ones, after a look at what changed. It asks the
# registry, so it needs the internet and Docker.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ -f .env ]] || deploy/init-env.sh
for pair in PYTHON_IMAGE=python:3.11-slim-bookworm POSTGRES_IMAGE=postgres:15 REDIS_IMAGE=redis:7; do
  name=${pair%%=*} tag=${pair#*=}
  if ! docker pull --quiet "$tag" >/dev/null; then
    echo "pin-images: $tag could not be pulled; .env was not changed for it." >&2
    exit 1
  fi
  # An image that several registries have has a digest of each; it may also be one that was built here and has none.
  pinned=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$tag" | grep -m 1 "^${tag%%:*}@sha256:" || true)
  if [[ -z $pinned ]]; then
    echo "pin-images: the registry told no digest of $tag; .env was not changed for it." >&2
    exit 1
  fi
  # The tag stays in the name, so that a reader sees the version.
  line="$name=$tag@${pinned#*@}"
  umask 077
  { grep -v "^$name=" .env || true; echo "$line"; } >.env.new
  mv .env.new .env
  echo "$line"
done
