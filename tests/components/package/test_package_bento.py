import importlib.metadata
import shutil
from pathlib import Path

import pytest

from components.domain.errors import InputError
from components.package.bento import package_bundle
from components.package.requirements import installed_closure, serving_requirements
from serving.contract import Card, ContractError, tree_digest
from serving.slot import Served


def test_a_bento_holds_the_service_the_bundle_and_nothing_of_training(bento: Path, tiny: Path):
    assert {path.name for path in (bento / "src").iterdir()} <= {"serving", "bundle", "bentofile.yaml", "requirements.txt"}
    assert tree_digest(bento / "src" / "bundle") == tree_digest(tiny)
    assert (bento / "src" / "serving" / "dashboard" / "index.html").is_file()
    assert not list(bento.rglob("*.pyc"))
    requirements = (bento / "env" / "python" / "requirements.txt").read_text()
    assert "bentoml==" in requirements
    assert not any(name in requirements for name in ("tensorflow", "kfp==", "optuna", "evidently"))


def test_the_bento_names_its_bundle(bento: Path, tiny: Path):
    assert f"bundle: {tree_digest(tiny).removeprefix('sha256:')[:63]}" in (bento / "bento.yaml").read_text()


def test_with_a_key_the_bento_carries_a_signature_and_keeps_its_digest(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOBULE_SIGNING_KEY", "key")
    package_bundle(tiny, tmp_path / "bento", name="lobule-tiny", version="7")
    carried = tmp_path / "bento" / "src" / "bundle"
    assert Served.load(carried, signing_key="key").predictor.digest == tree_digest(tiny)
    with pytest.raises(ContractError, match="must be made with"):
        Served.load(carried, signing_key="another")


def test_the_dockerfile_installs_from_hashes_and_runs_as_a_user_who_owns_nothing(bento: Path):
    text = (bento / "Dockerfile").read_text()
    assert "--require-hashes --no-deps --only-binary :all:" in text
    assert "USER 1034:1034" in text
    assert "--chown" not in text
    copied = [line.split()[1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert all((bento / name).exists() for name in copied)
    assert (bento / "env" / "python" / "requirements.txt").read_text().count("--hash=sha256:") > 100


def test_without_a_lock_everything_needed_is_pinned_as_installed(tmp_path: Path):
    pins = installed_closure("lobule", "serve")
    assert f"bentoml=={importlib.metadata.version('bentoml')}" in pins
    assert f"starlette=={importlib.metadata.version('starlette')}" in pins  # needed by fastapi, not by us
    assert f"numpy=={importlib.metadata.version('numpy')}" in pins
    assert not any(pin.startswith(("tensorflow", "kfp", "lobule")) for pin in pins)
    assert serving_requirements(tmp_path).splitlines() == pins


def test_with_a_lock_the_lock_counts(tmp_path: Path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "serve.lock").write_text("bentoml==1 --hash=sha256:00\n")
    assert serving_requirements(tmp_path) == "bentoml==1 --hash=sha256:00\n"


@pytest.mark.parametrize(("name", "version"), [("Lobule", "1"), ("lobule", ""), ("lobule:x", "1"), ("lobule", "../1")])
def test_what_makes_no_tag_is_refused(tiny: Path, tmp_path: Path, name: str, version: str):
    with pytest.raises(InputError, match="a Bento's"):
        package_bundle(tiny, tmp_path / "out", name=name, version=version)


def test_a_directory_in_use_is_left_alone(tiny: Path, tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="choose another with -o"):
        package_bundle(tiny, tmp_path, name="lobule", version="1")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_directory_that_is_no_bundle_is_refused(tiny: Path, tmp_path: Path):
    broken = shutil.copytree(tiny, tmp_path / "broken")
    (broken / "card.json").unlink()
    with pytest.raises(ContractError, match=r"card\.json"):
        package_bundle(broken, tmp_path / "out", name="lobule", version="1")


def test_the_readme_tells_how_to_run_it_what_it_is_for_and_how_it_ends(bento: Path, tiny: Path):
    text, card = (bento / "README.md").read_text(encoding="utf-8"), Card.read(tiny)
    for told in (tree_digest(tiny), card.disclaimer, card.intended_use.not_for, "docker run --read-only", "/predict", "preStop"):
        assert told in text
    assert "BentoML Slack" not in text
