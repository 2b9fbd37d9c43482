import hashlib
import hmac
import shutil
from pathlib import Path

import pytest

from serving.contract import ContractError, tree_digest
from serving.signature import check, key_id, sign, sign_bundle, signature_file, write_signature
from serving.slot import Served


@pytest.fixture
def own(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "bundle")


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


def test_the_signature_of_a_bundle_is_an_hmac_of_its_digest_and_of_what_it_is():
    expected = hmac.new(b"key", b"lobule-bundle-v1 sha256:00", hashlib.sha256).hexdigest()
    assert sign_bundle("sha256:00", "key") == f"hmac-sha256:{key_id('key')}:{expected}"


def test_a_bundle_signed_with_the_key_is_served_and_keeps_its_digest(own: Path):
    digest = tree_digest(own)
    write_signature(own, sign_bundle(digest, "key"))
    assert Served.load(own, signing_key="key").predictor.digest == digest


def test_without_a_key_nothing_is_asked(own: Path):
    assert Served.load(own).predictor.card.name == "lobule-tiny"


def test_an_unsigned_bundle_is_refused_where_a_key_is_set(own: Path):
    with pytest.raises(ContractError, match="must be signed"):
        Served.load(own, signing_key="key")


def test_a_bundle_signed_with_another_key_is_refused(own: Path):
    write_signature(own, sign_bundle(tree_digest(own), "other"))
    with pytest.raises(ContractError, match="must be made with LOBULE_SIGNING_KEY"):
        Served.load(own, signing_key="key")


def test_a_bundle_that_was_changed_after_it_was_signed_is_refused_before_it_is_read(own: Path):
    write_signature(own, sign_bundle(tree_digest(own), "key"))
    (own / "model.onnx").write_bytes(b"not even a graph")
    with pytest.raises(ContractError, match="must be made with LOBULE_SIGNING_KEY"):
        Served.load(own, signing_key="key")


def test_the_signature_lies_beside_the_bundle(own: Path):
    write_signature(own, "x")
    assert signature_file(own) == own.parent / "bundle.sig"
    assert "bundle.sig" not in {path.name for path in own.iterdir()}
