"""The final fit: the study's best recipe once per seed, each model finished into a bundle; the best on validation is chosen."""

import logging
from collections.abc import Mapping
from pathlib import Path

from components.domain.artifacts import read_dataset
from components.domain.candidates import CURVES_FILE, ENSEMBLE, Candidates
from components.domain.errors import InputError
from components.domain.names import TAG_RECIPE
from components.domain.parameters import parameters
from components.domain.recipe import Recipe
from components.domain.study import read_best, read_values
from components.domain.tracking import Tracker
from components.learning import devices
from components.learning import network as networks
from components.learning.combined import ensemble
from components.learning.fit import predict_logits
from components.learning.phases import Examples, embed, fit_network, needs_embeddings
from components.learning.scores import validation_scores
from components.train.curves import write_curves
from components.train.finish import Source, finish
from serving.contract import ENSEMBLE_SEED

logger = logging.getLogger(__name__)


def train_models(
    training_set: Path,
    study: Path,
    output: Path,
    *,
    weights: str | None,
    code: str,
    commit: str,
    tracker: Tracker,
    checkpoints: Path | None = None,
    store: Path | None = None,
) -> Candidates:
    """Train one model per seed and write their bundles, with the Keras model of each beside it.

    Args:
        training_set: artifact with the train and validation splits.
        study: artifact with the recipe to train.
        output: candidates artifact to write.
        weights: of the backbone (`components.learning.weights`).
        code: digest of the code.
        commit: git commit.
        tracker: told the curves: of each seed in a child run, of the chosen one in the run itself.
        checkpoints: directory from which a training that was cut off goes on.
        store: where features of frozen layers are kept for other runs; None computes them for this one.

    Returns:
        The candidates, with the recipe's `ensemble` also the average of all; the one with the best validation AUC is chosen.
    """
    recipe = read_best(study)
    dataset = read_dataset(training_set)
    examples = Examples.of(dataset, recipe)
    classes = len(dataset.classes)
    embeddings = None
    curves: dict[str, list[dict[str, float]]] = {}
    scores: dict[str, float] = {}
    members: list[networks.Network] = []
    source = Source(recipe, code, commit)
    for seed in range(recipe.seeds):
        name = f"seed-{seed}"
        curves[name] = []
        with devices.spread(), tracker.child(name) as run:
            network = networks.build(recipe, classes, weights=weights, dropout=recipe.dropout, seed=seed)
            if embeddings is None and needs_embeddings(network, recipe):
                embeddings = embed(network, examples, recipe, seed=recipe.split_seed, store=store)
            run.params({"seed": seed})
            run.tags({TAG_RECIPE: recipe.name})

            def on_epoch(epoch: int, values: Mapping[str, float], name: str = name, run: Tracker = run) -> None:
                curves[name].append(dict(values))
                run.metrics(values, step=epoch)
                logger.info(
                    "%s of %d, epoch %d: loss %.3f, val loss %.3f, val AUC %.3f",
                    *(name, recipe.seeds, epoch + 1, values["loss"], values["val_loss"], values["val_auc"]),
                )

            try:
                best = fit_network(
                    *(network, examples, recipe, embeddings),
                    seed=seed,
                    on_epoch=on_epoch,
                    checkpoints=checkpoints and checkpoints / name,
                    store=store,
                )
            except FloatingPointError as error:
                raise InputError(f"{error}, with learning_rate {recipe.learning_rate:g}; lower it, or search.learning_rate") from None
            network = networks.full_precision(network)
            finish(network, dataset, output / name, source, seed=seed, tracker=run)
            run.metrics({f"best_{key}": value for key, value in best.items()})
        logger.info("%s: best epoch %d, val AUC %.3f", name, best["epoch"] + 1, best["val_auc"])
        scores[name] = best["val_auc"]
        if recipe.ensemble:
            members.append(network)
    if members:
        network = ensemble(members)
        logits = predict_logits(network.classifier(), dataset.pixels, examples.validation)
        with tracker.child(ENSEMBLE) as run:
            run.tags({TAG_RECIPE: recipe.name})
            finish(network, dataset, output / ENSEMBLE, source, seed=ENSEMBLE_SEED, tracker=run)
            best = validation_scores(logits, examples.validation_targets)
            run.metrics({f"best_{key}": value for key, value in best.items()})
        scores[ENSEMBLE] = best["val_auc"]
        logger.info("%s of %d: val AUC %.3f", ENSEMBLE, recipe.seeds, best["val_auc"])
    candidates = Candidates(chosen=max(scores, key=lambda name: scores[name]), validation_auc=scores)
    candidates.write(output)
    shown = candidates.chosen if candidates.chosen in curves else max(curves, key=lambda name: scores[name])
    _record(recipe, candidates, curves[shown], output, tracker)
    values = read_values(study)
    if values:
        tracker.metrics({"best_trial_val_auc": max(value for value in values if value is not None), "trials": len(values)})
    return candidates


def _record(recipe: Recipe, candidates: Candidates, curves: list[dict[str, float]], output: Path, tracker: Tracker) -> None:
    tracker.params(parameters(recipe))
    tracker.metrics(
        {"best_val_auc": candidates.validation_auc[candidates.chosen]}
    )  # first: the metric that MLflow's compare page opens with
    for epoch, values in enumerate(curves):
        tracker.metrics(values, step=epoch)
    path = output / "recipe.json"
    path.write_text(recipe.to_json() + "\n", encoding="utf-8")
    tracker.file(path)
    tracker.file(write_curves(curves, output / CURVES_FILE, weighted=recipe.balance))
