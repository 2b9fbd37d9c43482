"""The container images that tasks run in, pinned to this version of the code. `infra/images/build.sh` builds them."""

import os

VERSION = "0.1.0"
PREFIX = os.environ.get("LOBULE_IMAGE_PREFIX", "")
"""Registry and path in front of the names, for example `registry.example.org/team/`."""

TRAIN = os.environ.get("LOBULE_TRAIN_IMAGE") or f"{PREFIX}lobule-train:{VERSION}"
"""Of all tasks; with NVIDIA's libraries it is the same name and `-cuda`."""
SERVE = f"{PREFIX}lobule-serve:{VERSION}"
