"""Facts about the tree that break the project when they stop holding."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_folder_mlflow_holds_no_python_or_it_would_shadow_the_package():
    assert list((ROOT / "mlflow").rglob("*.py")) == []


def test_mlflow_imported_from_the_root_is_the_installed_package():
    found = subprocess.run(
        [sys.executable, "-c", "import importlib.util as u; print(u.find_spec('mlflow').origin)"], cwd=ROOT, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).parent.parent.name == "site-packages"


def test_tests_hold_no_init_file():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_ruff_takes_mlflow_for_a_third_party_package():
    assert "mlflow" in PROJECT["tool"]["ruff"]["lint"]["isort"]["known-third-party"]


def test_only_the_three_application_packages_are_packaged():
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == ["pipelines*", "components*", "serving*"]


def test_serving_alone_imports_without_the_training_stack(tmp_path):
    (tmp_path / "serving").symlink_to(ROOT / "serving")
    heavy = ("tensorflow", "keras", "kfp", "optuna", "sklearn", "scipy", "pandas", "evidently", "components", "pipelines")
    code = f"import sys, serving.service; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; sys.path.insert(0, '.'); " + code], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.stdout.strip().splitlines()[-1] == "[]", found.stderr


def test_every_locked_package_has_a_hash_and_no_index_has_an_address():
    for path in (ROOT / "requirements.lock", *(ROOT / "infra").glob("*.lock")):
        text = path.read_text()
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", text)
        assert len(blocks) > 30
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
        assert "://" not in text


def test_the_lock_holds_every_declared_dependency():
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    declared = {re.split(r"[\[=<>]", item)[0].lower() for group in groups for item in group} - {"lobule"}
    locked = {line.split("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines() if re.match(r"[a-zA-Z]", line)}
    assert declared - locked == set()


def test_the_train_image_holds_what_its_extras_declare():
    extras = PROJECT["project"]["optional-dependencies"]
    groups = [
        PROJECT["project"]["dependencies"],
        *(extras[name] for name in ("ingest", "train", "runtime", "track", "serve", "monitor", "pipeline")),
    ]
    declared = {re.split(r"[\[=<>]", item)[0].lower() for group in groups for item in group} - {"lobule"}
    for lock in ("train.lock", "train-cuda.lock"):
        locked = {line.split("==")[0] for line in (ROOT / "infra" / lock).read_text().splitlines() if re.match(r"[a-z]", line)}
        assert declared - locked == set()


def test_the_serving_lock_is_a_part_of_the_lock_and_carries_no_training_stack():
    def pins(path):
        return {line.split(" \\")[0] for line in path.read_text().splitlines() if re.match(r"[a-zA-Z]", line)}

    names = {pin.split("==")[0] for pin in pins(ROOT / "infra" / "serve.lock")}
    assert not names & {"tensorflow", "keras", "kfp", "optuna", "scikit-learn", "evidently", "mlflow"}
    versions = {pin.split(" ;")[0] for pin in pins(ROOT / "requirements.lock")}
    for part in ("serve.lock", "mlflow.lock", "images.lock", "train.lock", "train-cuda.lock"):
        found = {pin.split(" ;")[0] for pin in pins(ROOT / "infra" / part)}
        assert {pin for pin in found - versions if not pin.startswith("nvidia-")} == set()


def test_the_top_level_holds_what_a_newcomer_expects_and_no_more():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {path.split("/")[0] for path in tracked if not path.startswith(".")}
    assert top <= {
        "README.md",
        "pyproject.toml",
        "Makefile",
        "requirements.lock",
        "pipelines",
        "components",
        "serving",
        "infra",
        "mlflow",
        "tests",
    }


def test_no_file_of_ours_is_longer_than_300_lines():
    files = [path for folder in ("pipelines", "components", "serving", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in files if len(path.read_text().splitlines()) > 300] == []
