"""`make bench-folds`: what a recipe reaches in cross-validation, tuned and untuned, and what a split that leaks makes of it.

Every image is tested once under each protocol: `by group` keeps patients, slides and near duplicates in one fold, as Lobule does;
`by image` deals images at random, as published protocols do. `tuned` searches the recipe's space anew inside each fold's training
images; `untuned` trains the recipe as it stands. One model a fold, so that a row costs as many fits as there are folds; a fit that is
done is kept, and a second call goes on.

A figure is the mean over the folds, its 95 % interval and those of the differences from one paired bootstrap over groups: all rows are
measured on the same draws of the same images. Sensitivity is at the operating point that each fold's validation images chose.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.domain.artifacts import read_dataset
from components.domain.bootstrap import HIGH, LOW, resample
from components.domain.errors import LobuleError
from components.domain.metrics import Floats, Scored, measure
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_of
from components.domain.tracking import NoTracker
from pipelines.cli.options import load_recipe
from pipelines.version import code_digest, git_commit

FOLDS = 5
PROTOCOLS = ("by group", "by image")
ARMS = ("untuned", "tuned")
METRICS = ("accuracy", "auc", "sensitivity", "specificity")
DIFFERENCES = (
    (("by group", "tuned"), ("by group", "untuned"), "what tuning brings, by group"),
    (("by image", "untuned"), ("by group", "untuned"), "what the leak feigns, untuned"),
    (("by image", "tuned"), ("by group", "tuned"), "what the leak feigns, tuned"),
)
Row = tuple[str, str]
"""Protocol and arm."""


def fit_fold(row: Row, fold: int, place: Path, *, recipe: Recipe, source: str, weights: str) -> Path:
    """Train on all folds but one and score that one; return the file of its predictions, which an earlier call may have made."""
    from components.augment.augment import augment_dataset
    from components.evaluate.scoring import predictions_table, score_candidates
    from components.ingest.ingest import ingest_source
    from components.learning.weights import resolve
    from components.train.train import train_models
    from components.tune.orders import Orders
    from components.tune.tune import tune

    protocol, arm = row
    held = place / f"{protocol} {arm} {fold}".replace(" ", "-")
    file = held.with_suffix(".parquet")
    if file.is_file():
        return file
    cache = place / "cache"
    chosen = recipe.override({"folds": str(FOLDS), "fold": str(fold), "trials": str(recipe.trials if arm == "tuned" else 0), "seeds": "1"})
    dataset = place / f"{protocol} {fold}".replace(" ", "-")
    if not (dataset / "training").is_dir():
        ingest_source(
            source, dataset / "all", recipe=part_of(chosen, "ingest"), cache=cache, memory=None, allow_leakage=protocol == "by image"
        )
        augment_dataset(dataset / "all", dataset / "part", recipe=part_of(chosen, "augment"))
        (dataset / "part").rename(dataset / "training")
    start = resolve(weights, cache=cache)
    studies, store = f"sqlite:///{place / 'studies.db'}", dataset / "features"
    orders = Orders(dataset / "training", chosen, start, held.name, studies, checkpoints=held / "trials", store=store)
    tune(orders, held / "study", tracker=NoTracker())
    train_models(
        dataset / "training",
        held / "study",
        held / "candidates",
        weights=start,
        code=code_digest(),
        commit=git_commit(),
        tracker=NoTracker(),
        checkpoints=held / "checkpoints",
        store=store,
    )
    data = read_dataset(dataset / "all")
    models = score_candidates(held / "candidates", data)
    table = predictions_table(models, data).replace_schema_metadata(
        {"classes": json.dumps(data.classes), "positive": str(models[0].card.positive_index)}
    )
    pq.write_table(table, file.with_suffix(".part"))
    file.with_suffix(".part").rename(file)
    shutil.rmtree(held)
    return file


def read_row(files: list[Path]) -> list[tuple[pa.Table, Scored]]:
    """Read the predictions of every fold."""
    folds = []
    for file in files:
        table = pq.read_table(file)
        facts = table.schema.metadata
        classes = json.loads(facts[b"classes"])
        index = {label: place for place, label in enumerate(classes)}
        labels, predicted = ([index[label] for label in table.column(name).to_pylist()] for name in ("label", "predicted_class"))
        probabilities = np.array(table.column("probabilities").to_pylist(), dtype=np.float64)
        folds.append((table, Scored(np.array(labels), probabilities, np.array(predicted), int(facts[b"positive"]))))
    return folds


def measure_rows(rows: dict[Row, list[Path]], *, draws: int, seed: int) -> dict[Row, dict[str, tuple[float, Floats]]]:
    """Return every metric of each row, its value and its draws (float64 [draws]), from the same draws of the same images.

    Images have the group that they have in the first row, by group: under a protocol that leaks they would have none.
    """
    folds = {row: read_row(files) for row, files in rows.items()}
    first = folds[next(iter(rows))]
    images = [key for table, _ in first for key in table.column("id").to_pylist()]
    groups = [group for table, _ in first for group in table.column("group").to_pylist()]
    labels = np.concatenate([scored.labels for _, scored in first])
    place = {image: index for index, image in enumerate(images)}

    def everything(weights: Floats) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for row, parts in folds.items():
            values = [measure(scored, weights[:, [place[image] for image in table.column("id").to_pylist()]]) for table, scored in parts]
            for name in METRICS:
                found["|".join((*row, name))] = np.mean([each[name] for each in values], axis=0)
        return found

    drawn = resample(everything, groups, labels=labels, draws=draws, seed=seed)
    return {row: {name: (drawn.values[key], drawn.drawn[key]) for name in METRICS if (key := "|".join((*row, name)))} for row in rows}


def interval(value: float, draws: Floats, *, sign: str = "") -> str:
    """Write a value with its 95 % interval."""
    low, high = np.percentile(draws, (LOW, HIGH))
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def table_lines(measured: dict[Row, dict[str, tuple[float, Floats]]]) -> list[str]:
    """Return the table as Markdown: one line a row, then the differences."""
    lines = ["| split | recipe | accuracy | macro AUC | sensitivity | specificity |", "|---|---|---|---|---|---|"]
    for (protocol, arm), metrics in measured.items():
        lines.append(f"| {protocol} | {arm} | " + " | ".join(interval(*metrics[name]) for name in METRICS) + " |")
    for one, other, words in DIFFERENCES:
        if one in measured and other in measured:
            pairs = [(measured[one][name], measured[other][name]) for name in METRICS]
            cells = [interval(a[0] - b[0], a[1] - b[1], sign="+") for a, b in pairs]
            lines.append(f"| difference | {words} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Fit what is missing, fold by fold, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="source of images, as of `lobule run`")
    parser.add_argument("--weights", default="imagenet", help="as of `lobule run`")
    parser.add_argument("--recipe", default="ultrasound-mobilenetv2")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="as of `lobule run`")
    parser.add_argument("--work", type=Path, default=Path(".lobule/folds"), help="where fits are kept")
    parser.add_argument("--draws", type=int, default=2000)
    chosen = parser.parse_args()
    recipe = load_recipe(chosen.recipe, tuple(chosen.settings))
    place = chosen.work.resolve() / recipe.digest.removeprefix("sha256:")[:12]
    place.mkdir(parents=True, exist_ok=True)
    rows: dict[Row, list[Path]] = {(protocol, arm): [] for protocol in PROTOCOLS for arm in ARMS}
    for number, (row, fold) in enumerate([(row, fold) for fold in range(FOLDS) for row in rows]):
        sys.stderr.write(f"{number + 1}/{FOLDS * len(rows)}: fold {fold}, {' '.join(row)}\n")
        rows[row].append(fit_fold(row, fold, place, recipe=recipe, source=chosen.data, weights=chosen.weights))
    sys.stdout.write("\n".join(table_lines(measure_rows(rows, draws=chosen.draws, seed=0))) + "\n")


if __name__ == "__main__":
    try:
        main()
    except LobuleError as error:
        sys.exit(f"bench-folds: {error}")
