"""Evaluation as a pipeline step."""

from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def evaluate(
    candidates: Input[Model],
    dataset: Input[Dataset],
    run: str,
    code: str,
    report: Output[Metrics],
    curves: Output[ClassificationMetrics],
    page: Output[HTML],
    summary: Output[Markdown],
) -> float:
    """Score the untouched test split with every seed's model; returns the chosen model's AUC.

    Args:
        candidates: model bundles, one per seed.
        dataset: the certified data with its test split.
        run: name of the pipeline run.
        code: digest of the code; a change of it makes a cached result stale.
        report: report.json, predictions.parquet, plots, report.html.
        curves: confusion matrix and ROC curve.
        page: report.html.
        summary: the verdict and what to know beside it.
    """
    import shutil
    from pathlib import Path

    from components.domain.console import step
    from components.evaluate.curves import classification_curves
    from components.evaluate.evaluate import evaluate_model
    from components.evaluate.record import log_report
    from components.evaluate.words import markdown
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run

    with step("evaluate", record_failure), open_run(run) as tracker:
        output = Path(report.path)
        result = evaluate_model(Path(candidates.path), Path(dataset.path), output)
        log_report(result, output, tracker)
        for name, interval in result.metrics.items():
            report.log_metric(name, float(interval.value))
        drawn = classification_curves(output, result)
        curves.log_confusion_matrix(result.classes, drawn.confusion)
        curves.log_roc_curve(drawn.false_positive_rate, drawn.true_positive_rate, drawn.threshold)
        shutil.copyfile(output / "report.html", page.path)
        Path(summary.path).write_text(markdown(result, "report.html"), encoding="utf-8")
        Path(curves.path).touch()  # the local cache takes an output without a file for lost, and would evaluate again
        return float(result.metrics["auc"].value)
