"""Signatures with a shared key: HMAC-SHA256 (RFC 2104) over a text, with the key named by its first digits, never shown.

The ledger signs its entries with it. A signature reads `hmac-sha256:<key id>:<hex>`. The key is the setting
`LOBULE_SIGNING_KEY`; whoever has it can sign.
"""

import hashlib
import hmac
from typing import Literal

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
