from pathlib import Path

import pytest
from kfp import dsl, local

from components.domain.artifacts import SPLITS, read_dataset
from components.domain.recipe import Recipe
from components.ingest.component import ingest
from components.ingest.scan import ALONE
from components.ingest.source import source_version

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)


def test_the_component_writes_a_certified_data_set_in_its_own_process(draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    rows = range(ALONE // 2 + 1)  # enough for a worker
    source = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in rows})

    @dsl.pipeline(name="only-ingest")
    def only_ingest(source: str, recipe: str) -> str:
        return ingest(source=source, source_version="v1", recipe=recipe, code="c1").outputs["Output"]

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "runs"))
    task = only_ingest(source=str(source), recipe=RECIPE.to_json())
    (written,) = (tmp_path / "runs").glob("*/ingest/dataset")
    dataset = read_dataset(written)
    dataset.require_certified(SPLITS)
    assert len(dataset.pixels) == ALONE + 2
    assert task.output == dataset.certificate.digest


def test_a_second_run_on_the_same_source_does_no_work_and_a_changed_one_does(draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBULE_HOME", str(tmp_path / "home"))
    source = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(6)})

    @dsl.pipeline(name="ingest-twice")
    def once(source: str, version: str, recipe: str) -> str:
        return ingest(source=source, source_version=version, recipe=recipe, code="c1").outputs["Output"]

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "runs"), enable_caching=True)
    digests = []
    for more in ({}, {}, {"benign/new.png": 77}):
        draw(more)
        digests.append(once(source=str(source), version=source_version(source), recipe=RECIPE.to_json()).output)
    assert len(list((tmp_path / "runs").glob("*/ingest/dataset"))) == 2
    assert digests[0] == digests[1] != digests[2]
