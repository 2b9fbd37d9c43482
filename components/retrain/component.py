"""The `retrain` component."""

from kfp import dsl
from kfp.dsl import Input, Markdown, Metrics, Output, OutputPath

from components import images


@dsl.component(base_image=images.TRAIN, install_kfp_package=False)
def retrain(
    drift: Input[Metrics],
    model: str,
    version: str,
    source: str,
    cool_down_hours: float,
    actor: str,
    code: str,
    run: OutputPath(str),  # type: ignore[valid-type]
    recipe: OutputPath(str),  # type: ignore[valid-type]
    ingest_recipe: OutputPath(str),  # type: ignore[valid-type]
    augment_recipe: OutputPath(str),  # type: ignore[valid-type]
    weights: OutputPath(str),  # type: ignore[valid-type]
    claim: OutputPath(int),  # type: ignore[valid-type]
    decision: Output[Markdown],
) -> str:
    """Claim a retraining where a verdict asks for one; returns `retrain` or `nothing`.

    Args:
        drift: the verdict, with drift.json.
        model: registered name.
        version: that was watched.
        source: of labelled images, old and new; "" where none is configured.
        cool_down_hours: least time since the last retraining.
        actor: who started the run; "" for the account that this task runs under.
        code: digest of the code.
        run: name of the run that is to train.
        recipe: its recipe, JSON.
        ingest_recipe: the part of it that ingest uses.
        augment_recipe: the part of it that augment uses.
        weights: that its training begins from.
        claim: number of the claim.
        decision: why, in words.
    """
    from datetime import timedelta
    from pathlib import Path

    from components.domain.console import step
    from components.domain.settings import actor as login
    from components.retrain.retrain import decide_retraining
    from components.tracking.failure import record_failure
    from components.tracking.store import connect

    with step("retrain", record_failure):
        connect()
        verdict = Path(drift.path) / "drift.json"
        decided = decide_retraining(
            verdict, model, version, source=source, cool_down=timedelta(hours=cool_down_hours), actor=actor or login()
        )
        recipes = ((recipe, decided.recipe), (ingest_recipe, decided.part("ingest")), (augment_recipe, decided.part("augment")))
        for path, value in ((run, decided.run), *recipes, (weights, decided.weights), (claim, str(decided.number))):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(value, encoding="utf-8")
        Path(decision.path).write_text(f"# {decided.action}\n\n{decided.said}\n", encoding="utf-8")
    return decided.action
