#!/bin/sh
# Fills /app, a virtual environment, from a lock and makes the layer /packages of it: `install.sh LOCK`. Run in the first stage of each image.
#
# Every file is checked against its hash; what must be built from source is built with the setuptools of images.lock, and nothing
# needs a compiler. /app/sbom.cdx.json lists what is in it (CycloneDX).
#
# Two secrets of the build, which end up in no layer, say how packages are reached where that is not PyPI:
#   ca      certificates to trust, PEM
#   index   lines NAME=VALUE for the environment of pip and uv, for example UV_DEFAULT_INDEX and PIP_INDEX_URL
set -eu
here=$(dirname "$0")
if [ -f /run/secrets/index ]; then set -a; . /run/secrets/index; set +a; fi
if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_LINK_MODE=copy UV_NO_PROGRESS=1

python3 -m venv /build
/build/bin/python -m pip install --quiet --no-deps --no-compile --require-hashes --only-binary :all: -r "$here/images.lock"
/build/bin/uv venv --quiet --no-config --python "$(command -v python3)" /app
/build/bin/uv pip sync --quiet --python /app/bin/python --require-hashes --build-constraints "$here/images.lock" "$1"
/build/bin/uv pip check --quiet --python /app/bin/python
rm -rf /app/lib/python3*/site-packages/tensorflow/include # headers, a fifth of it: only for building operations
echo /opt/lobule > "$(echo /app/lib/python3*/site-packages)/lobule.pth"

/build/bin/cyclonedx-py environment --output-reproducible --output-format JSON --output-file /app/sbom.cdx.json /app/bin/python
"$here/settle.sh" /app /packages
