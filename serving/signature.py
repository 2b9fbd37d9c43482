"""Signatures with the key that trainers and services share, `LOBULE_SIGNING_KEY`: who made a bundle, who wrote a decision.

A digest alone says that a bundle is whole; whoever may write the registry or its store could put another one there, with its
digest. With the key set, `lobule run` signs what it registers (tag `lobule.signature`), and a service serves nothing else; the ledger of
promotions signs its entries. The signature of a bundle lies beside it, in `<bundle>.sig`, because the digest covers all that lies in it.

A signature is an HMAC-SHA256 (RFC 2104), `hmac-sha256:<key id>:<hex>`: the key is named by a few digits of a digest of it, never shown.
Whoever has the key can sign.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Literal

from serving.contract import ContractError

KIND = "hmac-sha256"
Signed = Literal["valid", "wrong", "unsigned", "other key", "no key"]
"""What a check found: it fits; it does not; there is none; it names another key; there is one, but no key to check it with."""


def key_id(key: str) -> str:
    """Return the name of a key: the first 8 hex digits of a digest of it."""
    return hashlib.sha256(b"lobule key id\0" + key.encode()).hexdigest()[:8]


def sign(text: str, key: str) -> str:
    """Return the signature of a text; "" without a key."""
    if not key:
        return ""
    return f"{KIND}:{key_id(key)}:{hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def check(text: str, signature: str, key: str) -> Signed:
    """Say whether a signature is of this text under this key, in constant time.

    A signature that names another key cannot be checked here: to rely on it would let anyone name one.

    Args:
        text: that was signed.
        signature: as `sign` returned it, "" if there is none.
        key: to check with, "" if there is none.
    """
    if not signature:
        return "unsigned"
    if not key:
        return "no key"
    kind, _, rest = signature.partition(":")
    named, _, _ = rest.partition(":")
    if kind != KIND or named != key_id(key):
        return "other key"
    return "valid" if hmac.compare_digest(signature.encode(), sign(text, key).encode()) else "wrong"


def sign_bundle(digest: str, key: str) -> str:
    """Return the signature of a bundle with this digest; "" without a key."""
    return sign(_of_bundle(digest), key)


def check_bundle(digest: str, signature: str, key: str) -> Signed:
    """Say whether a signature is of the bundle with this digest; as `check`."""
    return check(_of_bundle(digest), signature, key)


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
        given = ""
    found = check_bundle(digest, given, key)
    if found == "unsigned":
        raise ContractError(
            f"a bundle must be signed, because LOBULE_SIGNING_KEY is set, but {bundle} has no {file.name}; register it again with the key"
        )
    if found != "valid":
        was = "was made with another key" if found == "other key" else "is not of what it holds"
        raise ContractError(
            f"the signature of a bundle must be made with LOBULE_SIGNING_KEY, but that of {bundle} {was}; register it again with the key"
        )


def _of_bundle(digest: str) -> str:
    """Return what is signed of a bundle; nothing else that is signed begins like this."""
    return f"lobule-bundle-v1 {digest}"
