"""The container images that tasks run in, pinned to this version of the code."""

import os

VERSION = "0.1.0"
PREFIX = os.environ.get("LOBULE_IMAGE_PREFIX", "")
"""Registry and path in front of the names, for example `registry.example.org/team/`."""

TRAIN = f"{PREFIX}lobule-train:{VERSION}"
SERVE = f"{PREFIX}lobule-serve:{VERSION}"
