"""The `monitor` component."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def monitor(
    predictions: Input[Artifact], candidates: Input[Model], run: str, code: str, alpha: float, drift: Output[Metrics], page: Output[HTML]
) -> str:
    """Compare the images in a prediction log with the chosen model's reference window; returns the status."""
    import shutil
    from pathlib import Path

    from components.domain.candidates import Candidates
    from components.domain.console import step
    from components.monitor.metrics import drift_metrics
    from components.monitor.monitor import PAGE_FILE
    from components.monitor.monitor import monitor as watch
    from components.tracking.mlflow_tracker import open_run

    with step("monitor"), open_run(run) as tracker:
        bundle = Path(candidates.path) / Candidates.read(Path(candidates.path)).chosen
        output = Path(drift.path)
        verdict = watch(Path(predictions.path), bundle, output, since=None, alpha=alpha)
        shutil.copyfile(output / PAGE_FILE, page.path)
        tracker.file(output / PAGE_FILE)
        metrics = drift_metrics(verdict)
        tracker.metrics(metrics)
        for name, value in metrics.items():
            drift.log_metric(name, value)
    return verdict.status.value
