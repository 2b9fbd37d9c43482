"""The `gather` component."""

from kfp import dsl
from kfp.dsl import Artifact, Model, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def gather(
    model: str, log: str, labels: str, window_hours: float, code: str, predictions: Output[Artifact], candidates: Output[Model]
) -> str:
    """Gather a window of the prediction log and the champion that answered it; returns the champion's version.

    Args:
        model: registered name.
        log: directory of the prediction log; "" for LOBULE_PREDICTION_LOG.
        labels: CSV of labels that have come; "" if none have.
        window_hours: length of the window, which ends now.
        code: digest of the code.
        predictions: the window.
        candidates: the champion, with its evaluation.
    """
    from datetime import timedelta
    from pathlib import Path

    from components.domain.console import step
    from components.domain.settings import home, prediction_log, tracking_uri
    from components.gather.gather import gather_window
    from components.tracking.failure import record_failure
    from components.tracking.store import connect

    with step("gather", record_failure):
        connect()
        window = gather_window(
            Path(log) if log else prediction_log(),
            Path(predictions.path),
            Path(candidates.path),
            model=model,
            length=timedelta(hours=window_hours),
            labels=Path(labels) if labels else None,
            tracking_uri=tracking_uri(),
            cache=home() / "cache" / "bundles",
        )
    return window.version
