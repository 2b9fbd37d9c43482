"""Promotion as a pipeline step."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Markdown, Output

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def promote(
    dataset: Input[Dataset],
    name: str,
    version: str,
    policy: str,
    run: str,
    actor: str,
    apply: bool,
    code: str,
    decision: Output[Markdown],
) -> str:
    """Run the gate on a registered version; returns `promote`, `reject` or `cannot tell`.

    Args:
        dataset: the certified data with its test split, should the champion have to be scored on it again.
        name: of the registered model.
        version: of the challenger.
        policy: the promotion policy as JSON (`Policy.to_json`).
        run: name of the pipeline run.
        actor: who started it; "" for the account that this task runs under.
        apply: move the alias and write the ledger; otherwise decide and show only.
        code: digest of the code; a change of it makes a cached result stale.
        decision: the gate's words.
    """
    from pathlib import Path

    from components.domain.console import step
    from components.domain.settings import actor as login
    from components.domain.settings import home
    from components.promote.policy import Policy
    from components.promote.promotion import decide_version, promote_version
    from components.promote.wording import told
    from components.tracking.failure import record_failure
    from components.tracking.store import connect

    with step("promote", record_failure):
        rules = Policy.from_json(policy)
        connect()
        data, cache = Path(dataset.path), home() / "cache" / "bundles"
        if apply:
            result = promote_version(
                name, version, policy=rules, reason="", force=False, actor=actor or login(), run=run, dataset=data, cache=cache
            )
        else:
            result = decide_version(name, version, policy=rules, dataset=data, cache=cache)
        Path(decision.path).write_text(told(result, name=name, version=version, applied=apply), encoding="utf-8")
        return str(result.outcome)
