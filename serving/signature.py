"""Who made a bundle: an HMAC over its digest with a key that trainers and services share, `LOBULE_SIGNING_KEY`.

A digest alone says that a bundle is whole; whoever may write the registry or its store could put another one there, with its
digest. With the key set, `lobule run` signs what it registers (tag `lobule.signature`), and a service serves nothing else. The
signature lies beside the bundle, in `<bundle>.sig`, because the digest covers all that lies in it.
"""

import hashlib
import hmac
from pathlib import Path

from serving.contract import ContractError

SCHEME = "hmac-sha256"


def sign(digest: str, key: str) -> str:
    """Return the signature of a bundle's digest, `hmac-sha256:<hex>`."""
    return f"{SCHEME}:{hmac.new(key.encode(), f'lobule-bundle-v1 {digest}'.encode(), hashlib.sha256).hexdigest()}"


def signature_file(bundle: Path) -> Path:
    """Return where the signature of a bundle directory lies."""
    return bundle.with_name(f"{bundle.name}.sig")


def write_signature(bundle: Path, signature: str) -> None:
    """Keep a signature beside its bundle."""
    signature_file(bundle).write_text(signature + "\n", encoding="utf-8")


def check_signature(bundle: Path, digest: str, key: str) -> None:
    """Check that a bundle was signed with a key.

    Args:
        bundle: the bundle directory.
        digest: of what it holds.
        key: that it must be signed with; without one nothing is checked.

    Raises:
        ContractError: if it is not signed, or with another key, or is not what was signed.
    """
    if not key:
        return
    file = signature_file(bundle)
    try:
        given = file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        raise ContractError(
            f"a bundle must be signed, because LOBULE_SIGNING_KEY is set, but {bundle} has no {file.name}; register it again with the key"
        ) from None
    if not hmac.compare_digest(given.encode(), sign(digest, key).encode()):
        raise ContractError(
            f"the signature of a bundle must be made with LOBULE_SIGNING_KEY, but that of {bundle} is not; register it again with the key"
        )
