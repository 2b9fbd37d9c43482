#!/bin/sh
# Makes a layer of a folder, the same bytes each time: `settle.sh FOLDER LAYER`, and later in the Dockerfile `COPY --from=build LAYER/ /`.
#
# Imports are compiled, all may read, and all times are set to one (1980, the first year of zip files). The folder moves to where it stands in the layer,
# as COPY gives the present time to a folder that it makes, but not to those in it; a link keeps its place.
set -eu
# In one process, as what Python writes of a file depends on what the same process compiled before it; anew what it wrote by itself.
/app/bin/python -m compileall -q -f --invalidation-mode unchecked-hash "$1" || echo "some files are for another Python"
chmod -R u=rwX,go=rX "$1" # a checkout has those of its user's umask
mkdir -p "$2$(dirname "$1")"
mv "$1" "$2$1"
ln -s "$2$1" "$1"
find "$2" -exec touch --no-dereference --date="@315532800" {} +
