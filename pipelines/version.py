"""Which code this is: a digest of what the steps run, and the git commit."""

import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_digest() -> str:
    """Return `sha256:<hex>` over the sources of `components` and `serving`; a changed step never meets a stale cache."""
    digest = hashlib.sha256()
    for package in ("components", "serving"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return "sha256:" + digest.hexdigest()


def git_commit() -> str:
    """Return the commit, with `-dirty` when the tree differs from it; `LOBULE_COMMIT` or `unknown` outside a checkout."""
    try:
        result = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("LOBULE_COMMIT", "unknown")
    return result.stdout.strip()
