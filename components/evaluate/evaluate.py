"""The evaluation: candidates and data in, report out."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from components.domain.artifacts import SPLITS, Dataset, read_dataset
from components.domain.bootstrap import Bootstrapped, bootstrap
from components.domain.candidates import CURVES_FILE
from components.domain.errors import InputError
from components.domain.intervals import FEWEST_GROUPS, fewest_groups, widen
from components.domain.metrics import CLASS_METRICS, Floats, confusion_matrix, measure, measure_classes
from components.domain.report import PREDICTIONS_FILE, Interval, Report
from components.domain.selective import measure_selective, selective_parts
from components.evaluate.page import write_page
from components.evaluate.patients import measure_patients
from components.evaluate.plots import write_plots
from components.evaluate.robustness import measure_robustness
from components.evaluate.scoring import ModelScores, load_predictor, predictions_table, score_candidates
from components.evaluate.slices import measure_slices, slice_columns
from serving.contract import ENSEMBLE_SEED, Verdict

logger = logging.getLogger(__name__)


def evaluate_model(candidates: Path, dataset: Path, output: Path, *, draws: int = 1000, seed: int = 0) -> Report:
    """Score the untouched test split with every seed's bundle and write the report of the chosen one.

    Args:
        candidates: directory of model bundles (`components.domain.candidates`).
        dataset: the certified data set that they were trained on, with its test split.
        output: directory for `report.json`, `predictions.parquet`, the plots (PNG) and `report.html`; made if missing.
        draws: resamples of the bootstrap over groups.
        seed: of the bootstrap.

    Returns:
        The report that was written.

    Raises:
        InputError: if a part is missing or damaged, or does not fit the other.
        RefusedError: if the data is not as certified, or the models were trained on other data.
    """
    data = read_dataset(dataset)
    data.require_certified(SPLITS)
    rows = data.rows("test")
    if not len(rows):
        raise InputError(f"a data set must hold test images, but {dataset} holds none; ingest it with a larger test share")
    models = score_candidates(candidates, data)
    groups = [data.column("group")[row] for row in rows]
    output.mkdir(parents=True, exist_ok=True)
    measured = measure_chosen(models[0], groups, draws=draws, seed=seed)
    logger.info("%d resamples of %d groups, %d drawn again for lack of a class", draws, len(set(groups)), measured.redrawn)
    chosen, often = models[0], {"draws": draws, "seed": seed}
    predictor = load_predictor(candidates / chosen.name)
    columns = slice_columns(data, rows)
    report = replace(
        _report(models, measured.intervals, data, groups),
        patients=measure_patients(chosen.scored, groups, chosen.card, **often),
        slices=measure_slices(chosen.scored, chosen.verdicts, groups, columns=columns, classes=data.classes, **often),
        robustness=measure_robustness(predictor, chosen, data, groups, **often),
    )
    report.write(output)
    pq.write_table(predictions_table(models, data), output / PREDICTIONS_FILE)
    write_plots(models, data, predictor, report=report, output=output)
    curves = candidates / CURVES_FILE
    write_page(report, output, draws=measured.draws, redrawn=measured.redrawn, training=curves if curves.is_file() else None)
    _tell(report.metrics["auc"], fewest_groups(models[0].scored.labels.tolist(), groups))
    return report


def measure_chosen(model: ModelScores, groups: list[str], *, draws: int, seed: int) -> Bootstrapped:
    """Return every metric of a model with its interval: those of `measure_model`, and `<class index>.<metric>`."""

    def all_metrics(weights: Floats) -> dict[str, Floats]:
        return {**measure_model(model, weights), **measure_classes(model.scored, weights)}

    found = bootstrap(all_metrics, groups, labels=model.scored.labels, draws=draws, seed=seed)
    return replace(found, intervals=widen(found.intervals, model.scored, groups, others=selective_parts(model.verdicts)))


def measure_model(model: ModelScores, weights: Floats) -> dict[str, Floats]:
    """Return the metrics of `measure` and of `measure_selective` under each row of weights, float64 [B] each."""
    threshold = model.card.operating_point.threshold
    return {**measure(model.scored, weights), **measure_selective(model.scored, model.verdicts, threshold, weights)}


def _tell(auc: Interval, fewest: int) -> None:
    if auc.says_nothing:
        logger.info("test AUC %.3f, too few groups for an interval (a class has %d; %d are needed)", auc.value, fewest, FEWEST_GROUPS)
    else:
        logger.info("test AUC %.3f [%.3f, %.3f]", auc.value, auc.low, auc.high)


def _report(models: list[ModelScores], intervals: dict[str, Interval], data: Dataset, groups: list[str]) -> Report:
    chosen = models[0]
    of_seeds = [model for model in models if model.card.seed != ENSEMBLE_SEED]  # an average of them says nothing of their spread
    by_seed = sorted(of_seeds or models, key=lambda model: model.card.seed)
    single = [_values(model) for model in by_seed]
    return Report(
        bundle=chosen.digest,
        dataset=data.certificate.dataset,
        certificate=data.certificate.digest,
        test=data.certificate.splits["test"],
        recipe=chosen.card.recipe,
        classes=list(data.classes),
        positive=chosen.card.positive,
        images=len(groups),
        groups=len(Counter(groups)),
        metrics={name: interval for name, interval in intervals.items() if "." not in name},
        per_class={label: {name: intervals[f"{index}.{name}"] for name in CLASS_METRICS} for index, label in enumerate(data.classes)},
        seeds={name: [values[name] for values in single] for name in single[0]},
        leaking=data.certificate.leaking or any(model.card.leaking for model in models),
        oracle=data.oracle,
        confusion=confusion_matrix(chosen.scored).tolist(),
        verdicts={str(verdict): chosen.verdicts.count(verdict) for verdict in Verdict},
        operating_point=chosen.card.operating_point,
        limits=chosen.card.limits,
        validation_coverage=chosen.validation_coverage,
    )


def _values(model: ModelScores) -> dict[str, float]:
    return {name: float(value[0]) for name, value in measure_model(model, np.ones((1, len(model.verdicts)))).items()}
