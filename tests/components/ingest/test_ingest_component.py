from pathlib import Path

from kfp import dsl, local

from components.domain.artifacts import SPLITS, read_dataset
from components.domain.recipe import Recipe
from components.ingest.component import ingest

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)


def test_the_component_writes_a_certified_data_set_in_its_own_process(draw, tmp_path: Path) -> None:
    source = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(6)})

    @dsl.pipeline(name="only-ingest")
    def only_ingest(source: str, recipe: str) -> str:
        return ingest(source=source, source_version="v1", recipe=recipe, code="c1").outputs["Output"]

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "runs"))
    task = only_ingest(source=str(source), recipe=RECIPE.to_json())
    (written,) = (tmp_path / "runs").glob("*/ingest/dataset")
    dataset = read_dataset(written)
    dataset.require_certified(SPLITS)
    assert len(dataset.pixels) == 12
    assert task.output == dataset.certificate.digest
