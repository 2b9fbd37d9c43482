"""The `settle` component."""

from kfp import dsl

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def settle(model: str, claim: int, run: str, version: str, outcome: str, applied: bool, code: str) -> str:
    """Write what the gate said of a challenger on the retraining that made it; returns that in words.

    Args:
        model: registered name.
        claim: number of the retraining.
        run: that trained.
        version: of the challenger.
        outcome: of the gate.
        applied: the alias was to move if the gate said so.
        code: digest of the code.
    """
    from components.domain.console import step
    from components.tracking.failure import record_failure
    from components.tracking.retrainings import conclude, ended
    from components.tracking.store import connect

    with step("settle", record_failure):
        connect()
        said = ended(version, outcome, applied=applied)
        conclude(model, claim, run=run, state=said)
    return said
