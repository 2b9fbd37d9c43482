"""The `monitor` component."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def monitor(
    predictions: Input[Artifact],
    candidates: Input[Model],
    run: str,
    code: str,
    alpha: float,
    drift: Output[Metrics],
    page: Output[HTML],
    policy: str = "",
) -> str:
    """Compare the images in a prediction log with the chosen model's reference window; returns the status.

    Args:
        predictions: the log, whole or a gathered window with labels (`components.domain.gathered`).
        candidates: the model, with its evaluation where it was gathered.
        run: name of the pipeline run; a gathered window goes to the run with the windows of its version instead.
        code: digest of the code; a change of it makes a cached result stale.
        alpha: chance of a false alarm.
        drift: drift.json and drift.html.
        page: drift.html.
        policy: the promotion policy as JSON, to say how well the model does; "" says nothing of that.
    """
    import shutil
    from pathlib import Path

    from components.domain.candidates import Candidates
    from components.domain.console import step
    from components.domain.gathered import EVALUATION, LABELS_FILE, read_window_file
    from components.monitor.judgement import read_evaluated
    from components.monitor.metrics import drift_metrics
    from components.monitor.monitor import JSON_FILE, PAGE_FILE
    from components.monitor.monitor import monitor as watch
    from components.monitor.performance import Floors
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import open_run
    from components.tracking.windows import record_window

    with step("monitor", record_failure):
        log, bundle = Path(predictions.path), Path(candidates.path) / Candidates.read(Path(candidates.path)).chosen
        output, window = Path(drift.path), read_window_file(log)
        since, until = window.bounds if window else (None, None)
        labels = log / LABELS_FILE
        verdict = watch(
            log,
            bundle,
            output,
            since=since,
            until=until,
            alpha=alpha,
            evaluated=read_evaluated(Path(candidates.path) / EVALUATION),
            labels=labels if labels.is_file() else None,
            floors=Floors.from_policy(policy) if policy else None,
        )
        shutil.copyfile(output / PAGE_FILE, page.path)
        metrics = drift_metrics(verdict)
        if window:
            files = [output / JSON_FILE, output / PAGE_FILE]
            record_window(window.name, window.version, metrics, time=verdict.last or window.bounds[1], files=files)
        else:
            with open_run(run) as tracker:
                tracker.file(output / PAGE_FILE)
                tracker.metrics(metrics)
        for name, value in metrics.items():
            drift.log_metric(name, value)
    return verdict.status.value
