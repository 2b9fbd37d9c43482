#!/usr/bin/env bash
# Builds images: `infra/images/build.sh [train] [train-cuda] [serve] [mlflow]`, all but train-cuda where none is named.
#
#   PREFIX   registry and path in front of the names, like registry.example.org/team/; else LOBULE_IMAGE_PREFIX
#   BASE     image that they stand on
#   CA       file of certificates to trust while building
#   INDEX    file of lines NAME=VALUE for pip and uv
#   DOCKER   the docker program, whose BuildKit is used
#   FLAGS    more for `docker build`, like --no-cache
#
# CA and INDEX are handed to the build as secrets: they end up in no image.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
fact() { "$python" -c "from components import images; from pipelines import version; print($1)"; }
version=$(fact images.VERSION)
revision=$(fact 'version.git_commit()')
code=$(fact 'version.code_digest()')
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
created=$(date --utc --date="@$epoch" +%Y-%m-%dT%H:%M:%SZ)

build() { # NAME FILE [ARGUMENT...]
  local name given
  name=${PREFIX:-${LOBULE_IMAGE_PREFIX:-}}$1
  given=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CODE=$code" --build-arg "CREATED=$created")
  given+=(--build-arg "SOURCE_DATE_EPOCH=$epoch") # which a newer BuildKit takes for the times of the image itself
  [ -z "${BASE:-}" ] || given+=(--build-arg "BASE=$BASE")
  [ -z "${CA:-}" ] || given+=(--secret "id=ca,src=$CA")
  [ -z "${INDEX:-}" ] || given+=(--secret "id=index,src=$INDEX")
  echo "Building $name from $2 ..."
  # shellcheck disable=SC2086 - FLAGS holds several
  DOCKER_BUILDKIT=1 "${DOCKER:-docker}" build "${given[@]}" "${@:3}" ${FLAGS:-} -f "$2" -t "$name" .
}

[ $# -gt 0 ] || set -- train serve mlflow
for image in "$@"; do
  case $image in
    train) build "lobule-train:$version" infra/images/train.Dockerfile ;;
    train-cuda) build "lobule-train:$version-cuda" infra/images/train.Dockerfile --build-arg LOCK=infra/train-cuda.lock ;;
    serve) build "lobule-serve:$version" infra/images/serve.Dockerfile ;;
    mlflow) build "lobule-mlflow:$version" mlflow/Dockerfile ;;
    *) echo "infra/images/build.sh: an image must be train, train-cuda, serve or mlflow, but got $image" >&2; exit 2 ;;
  esac
done
