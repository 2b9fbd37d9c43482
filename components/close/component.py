"""The `close` component."""

from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def close(code: str, status: PipelineTaskFinalStatus) -> str:
    """Mark the run in MLflow as the pipeline ended, with the reason that the failed task left; returns that in words.

    Args:
        code: digest of the code.
        status: how the other tasks ended, from KFP.
    """
    import logging

    from components.domain.console import step
    from components.tracking.close import close_job

    with step("close"):
        said = close_job(status.state, f"{status.pipeline_task_name}: {status.error_message}")
        logging.getLogger("components").info("%s", said)
    return said
