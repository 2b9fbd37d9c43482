"""Why a task on a cluster failed, kept where others see it. Light to import: nothing is loaded unless something fails."""

import logging

from components.domain.settings import job

logger = logging.getLogger(__name__)


def record_failure(step: str, reason: str) -> None:
    """Keep why a task on a cluster failed on its run in MLflow; on this machine, whoever started the run does.

    A tracking server that is gone must not hide the failure itself.

    Args:
        step: that failed.
        reason: in one line.
    """
    if not job():
        return
    try:
        from components.tracking.close import keep_failure

        keep_failure(f"{step}: {reason}")
    except Exception as error:
        logger.warning("why the step failed cannot be kept in MLflow: %s", " ".join(str(error).split())[:300])
