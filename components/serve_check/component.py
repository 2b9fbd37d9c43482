"""The check of the served Bento as a pipeline step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Output

from components import images as pinned


@dsl.component(base_image=pinned.TRAIN, install_kfp_package=False)
def serve_check(
    bento: Input[Artifact],
    dataset: Input[Dataset],
    report: Input[Metrics],
    name: str,
    version: str,
    images: int,
    code: str,
    check: Output[Artifact],
    predictions: Output[Artifact],
) -> float:
    """Serve the Bento and compare its answers with the report; returns the median latency in milliseconds.

    Args:
        bento: the built Bento.
        dataset: the certified data with its test split.
        report: the evaluation of the bundle in the Bento.
        name: of the registered model in the Bento.
        version: of it; its run keeps the result, where the gate finds it.
        images: how many test images are sent at most.
        code: digest of the code; a change of it makes a cached result stale.
        check: serve_check.json.
        predictions: the prediction log that the service left.
    """
    from pathlib import Path

    from components.domain.console import step
    from components.serve_check.check import check_service
    from components.serve_check.record import recorded
    from components.tracking.failure import record_failure
    from components.tracking.mlflow_tracker import tracker_of

    output = Path(check.path)
    with step("serve_check", record_failure), recorded(output, tracker_of(name, version)):
        result = check_service(
            Path(bento.path), Path(dataset.path), Path(report.path), images=images, output=output, predictions=Path(predictions.path)
        )
        check.metadata["p50_ms"] = result.p50_ms
        return result.p50_ms
