"""`make bench-pruners`: which pruner finds the best trial for equal epochs, on the curves of real trials.

First, trials of a recipe's search space are drawn at random and trained to their end, and their curves kept (`--curves`); a second call
goes on from there. Then each pruner searches those same trials in many random orders, until it has spent the epochs of `--budget` whole
trials. Its score is the validation AUC of the best trial that it let come to its end; what it gives away is the distance to the best of
all. The draws are the same for every pruner, so that differences of the means are those of the pruners.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import optuna

from components.domain.artifacts import read_dataset
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_of
from components.domain.search_space import dimensions, with_settings
from components.domain.settings import home
from pipelines.cli.options import load_recipe

Floats = npt.NDArray[np.float64]


def pruners(epochs: int) -> dict[str, optuna.pruners.BasePruner]:
    """Return the pruners that are compared, for trials of so many epochs."""
    made = optuna.pruners
    return {
        "none": made.NopPruner(),
        "median, 3 trials and 2 epochs free": made.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
        "median, 4 trials and a quarter free": made.MedianPruner(n_startup_trials=4, n_warmup_steps=epochs // 4),
        "patient median": made.PatientPruner(made.MedianPruner(n_startup_trials=3, n_warmup_steps=2), patience=2),
        "best quarter": made.PercentilePruner(25.0, n_startup_trials=3, n_warmup_steps=2),
        "successive halving": made.SuccessiveHalvingPruner(min_resource=max(1, epochs // 9), reduction_factor=3),
        "hyperband": made.HyperbandPruner(min_resource=max(1, epochs // 9), max_resource=epochs, reduction_factor=3),
    }


def record(file: Path, recipe: Recipe, *, source: str, weights: str, trials: int, seed: int) -> Floats:
    """Train trials to their end; returns their curves, float64 [trials, epochs], which the file keeps as they come."""
    from components.augment.augment import augment_dataset
    from components.ingest.ingest import ingest_source
    from components.learning import heads
    from components.learning.network import Network, build
    from components.learning.phases import Examples, embed, fit_head, fit_pixels, needs_embeddings, phase_of
    from components.learning.weights import resolve
    from components.tune.objective import suggest

    place = file.with_suffix(".data")
    if not (place / "training").is_dir():
        ingest_source(source, place / "all", recipe=part_of(recipe, "ingest"), cache=home() / "cache", memory=None)
        augment_dataset(place / "all", place / "part", recipe=part_of(recipe, "augment"))
        (place / "part").rename(place / "training")
    dataset, start = read_dataset(place / "training"), resolve(weights, cache=home())
    examples, classes, first = Examples.of(dataset, recipe), len(dataset.classes), recipe.split_seed
    network = build(recipe, classes, weights=start, dropout=0.0, seed=first)
    embeddings = embed(network, examples, recipe, seed=first) if needs_embeddings(network, recipe) else None
    space, _ = dimensions(recipe, start)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    kept = json.loads(file.read_text()) if file.is_file() else []
    for number in range(trials):
        settings = suggest(study.ask(), space)
        if number < len(kept):
            continue
        tried, curve = with_settings(recipe, settings), []
        phase = phase_of(tried, epochs=recipe.trial_epochs, learning_rate=tried.learning_rate, seed=first)
        tell = lambda _, values, curve=curve: curve.append(values["val_auc"])  # noqa: E731
        if embeddings is None:
            fit_pixels(build(tried, classes, weights=start, dropout=tried.dropout, seed=first), examples, tried, phase, tell)
        else:
            head = heads.build(tried.head, network.backbone.output_shape[-1], classes, dropout=tried.dropout, seed=first)
            fit_head(Network(network.backbone, head, pretrained=True), embeddings, examples, phase, tell)
        kept.append(curve)
        file.write_text(json.dumps(kept))
        print(f"trial {number + 1}/{trials}: best validation AUC {max(curve):.3f}", flush=True)  # noqa: T201
    return np.array(kept)


def search(curves: Floats, pruner: optuna.pruners.BasePruner, order: npt.NDArray[np.int64], budget: int) -> float:
    """Return the best value among the trials that a pruner let come to their end, in an order, within a budget of epochs."""
    study = optuna.create_study(direction="maximize", pruner=pruner, study_name="bench")
    best, spent = 0.0, 0
    for place in order:
        trial, curve = study.ask(), curves[place]
        for epoch, value in enumerate(curve):
            spent += 1
            trial.report(value, epoch)
            if spent >= budget or trial.should_prune():
                break
        else:
            best = max(best, float(curve.max()))
            study.tell(trial, float(curve.max()))
            continue
        if spent >= budget:
            break
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return best


def main() -> None:
    """Record what is missing, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=Path, required=True, help="file of the curves; made or gone on with where trials are missing")
    parser.add_argument("--data", default="sample:histology")
    parser.add_argument("--recipe", default="quickstart")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="a setting of the recipe, key=value")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--budget", type=int, default=8, help="epochs to spend, in whole trials")
    parser.add_argument("--orders", type=int, default=100)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    recipe = load_recipe(given.recipe, (*given.settings, "patience=0"))
    curves = record(given.curves, recipe, source=given.data, weights=given.weights, trials=given.trials, seed=0)
    random = np.random.default_rng(0)
    orders = [random.permutation(len(curves)) for _ in range(given.orders)]
    budget = given.budget * curves.shape[1]
    found = {name: np.array([search(curves, each, order, budget) for order in orders]) for name, each in pruners(curves.shape[1]).items()}
    most, median = curves.max(), found["median, 3 trials and 2 epochs free"]
    for name, values in found.items():
        error = (values - median).std(ddof=1) / np.sqrt(len(values))
        print(f"{name:38} gives away {most - values.mean():.4f}; beside the median {(values - median).mean():+.4f} +- {error:.4f}")  # noqa: T201


if __name__ == "__main__":
    main()
