import hashlib
import hmac

import pytest

from components.domain.signing import check, key_id, sign


def test_a_signature_is_the_hmac_of_the_text_and_names_its_key():
    expected = hmac.new(b"key", b"The quick brown fox jumps over the lazy dog", hashlib.sha256).hexdigest()
    assert expected == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"  # the published example
    assert sign("The quick brown fox jumps over the lazy dog", "key") == f"hmac-sha256:{key_id('key')}:{expected}"
    assert "key" not in key_id("key") and len(key_id("key")) == 8


@pytest.mark.parametrize(
    ("text", "signature", "key", "found"),
    [
        ("sha256:1", sign("sha256:1", "k"), "k", "valid"),
        ("sha256:2", sign("sha256:1", "k"), "k", "wrong"),
        ("sha256:1", sign("sha256:1", "k")[:-1], "k", "wrong"),
        ("sha256:1", sign("sha256:1", "other"), "k", "other key"),
        ("sha256:1", "nonsense", "k", "other key"),
        ("sha256:1", sign("sha256:1", "k"), "", "no key"),
        ("sha256:1", sign("sha256:1", ""), "k", "unsigned"),
        ("sha256:1", "hmac-sha256:" + key_id("k") + ":ä", "k", "wrong"),
    ],
)
def test_a_check_says_what_it_found(text, signature, key, found):
    assert check(text, signature, key) == found
