import hashlib
import hmac
import shutil
from pathlib import Path

import pytest

from serving.contract import ContractError, tree_digest
from serving.signature import sign, signature_file, write_signature
from serving.slot import Served


@pytest.fixture
def own(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "bundle")


def test_the_signature_is_an_hmac_of_the_digest():
    expected = hmac.new(b"key", b"lobule-bundle-v1 sha256:00", hashlib.sha256).hexdigest()
    assert sign("sha256:00", "key") == f"hmac-sha256:{expected}"


def test_a_bundle_signed_with_the_key_is_served_and_keeps_its_digest(own: Path):
    digest = tree_digest(own)
    write_signature(own, sign(digest, "key"))
    assert Served.load(own, signing_key="key").predictor.digest == digest


def test_without_a_key_nothing_is_asked(own: Path):
    assert Served.load(own).predictor.card.name == "lobule-tiny"


def test_an_unsigned_bundle_is_refused_where_a_key_is_set(own: Path):
    with pytest.raises(ContractError, match="must be signed"):
        Served.load(own, signing_key="key")


def test_a_bundle_signed_with_another_key_is_refused(own: Path):
    write_signature(own, sign(tree_digest(own), "other"))
    with pytest.raises(ContractError, match="must be made with LOBULE_SIGNING_KEY"):
        Served.load(own, signing_key="key")


def test_a_bundle_that_was_changed_after_it_was_signed_is_refused_before_it_is_read(own: Path):
    write_signature(own, sign(tree_digest(own), "key"))
    (own / "model.onnx").write_bytes(b"not even a graph")
    with pytest.raises(ContractError, match="must be made with LOBULE_SIGNING_KEY"):
        Served.load(own, signing_key="key")


def test_the_signature_lies_beside_the_bundle(own: Path):
    write_signature(own, "x")
    assert signature_file(own) == own.parent / "bundle.sig"
    assert "bundle.sig" not in {path.name for path in own.iterdir()}
