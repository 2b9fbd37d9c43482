"""The monitoring pipeline: a window of the prediction log to a verdict, and on an alarm to a challenger before the gate.

It is meant to run on a schedule. The training pipeline stands in it as it is, behind a condition; what decides is one task that returns
one value, because KFP's local runner silently skips a condition on a named output that has no other branch. Nothing here is cached:
the same arguments meet another log each time.
"""

from dataclasses import dataclass, replace

from kfp import dsl, kubernetes

from components.close.component import close
from components.gather.component import gather
from components.monitor.component import monitor
from components.retrain.component import retrain
from components.settle.component import settle
from pipelines.placement import Placement
from pipelines.training import FALSE_ALARM_RATE, training_pipeline

NAME = "lobule-monitoring"
LOG = "/lobule/predictions"
"""Where the claim with the prediction log is mounted on a cluster."""


@dataclass(frozen=True)
class Log:
    """Where tasks on a cluster find the prediction log.

    Attributes:
        claim: persistent volume claim that the service writes its log to; "" mounts nothing.
        folder: in it.
    """

    claim: str = ""
    folder: str = ""

    @property
    def path(self) -> str:
        """Directory of the log as a task sees it; "" for its own LOBULE_PREDICTION_LOG."""
        return f"{LOG}/{self.folder}".rstrip("/") if self.claim else ""


def monitoring_pipeline(placement: Placement, log: Log = Log()) -> dsl.base_component.BaseComponent:
    """Return the pipeline for a placement, ready to run locally or to be compiled."""
    training = training_pipeline(placement)
    place = replace(placement, caching=False).place

    @dsl.pipeline(name=NAME, description="A window of the prediction log to a verdict, and on an alarm to a challenger before the gate.")
    def pipeline(  # noqa: PLR0917 - KFP passes arguments by name
        model: str,
        policy: str,
        code: str,
        commit: str,
        source: str = "",
        labels: str = "",
        log_directory: str = "",
        window_hours: float = 168.0,
        cool_down_hours: float = 168.0,
        alpha: float = FALSE_ALARM_RATE,
        actor: str = "",
        apply: bool = False,
    ) -> None:
        """Judge a window and, where it alarms, train a challenger.

        Args:
            model: registered name; its champion is watched.
            policy: JSON of the promotion policy.
            code: digest of the code.
            commit: git commit of the code.
            source: of labelled images, old and new; "" never trains.
            labels: CSV of labels that have come; "" if none have.
            log_directory: of the prediction log; "" for LOBULE_PREDICTION_LOG.
            window_hours: length of the window, which ends now.
            cool_down_hours: least time between two retrainings of the model, whoever asks.
            alpha: chance of a false alarm.
            actor: who runs it, for the ledger.
            apply: move the champion alias when the gate says promote; otherwise a person does.
        """
        closing = place(close(code=code), memory="1Gi")
        with dsl.ExitHandler(closing, name="watch"):
            gathered = place(
                gather(model=model, log=log_directory, labels=labels, window_hours=window_hours, code=code),
            )
            if log.claim:
                kubernetes.mount_pvc(gathered, pvc_name=log.claim, mount_path=LOG)
            version = gathered.outputs["Output"]
            watched = place(
                monitor(
                    predictions=gathered.outputs["predictions"],
                    candidates=gathered.outputs["candidates"],
                    run="",
                    code=code,
                    alpha=alpha,
                    policy=policy,
                ),
                memory="4Gi",
            )
            decided = place(
                retrain(
                    drift=watched.outputs["drift"],
                    model=model,
                    version=version,
                    source=source,
                    cool_down_hours=cool_down_hours,
                    actor=actor,
                    code=code,
                ),
                again=False,  # a claim that was taken and lost would refuse its own second try
            )
            with dsl.If(decided.outputs["Output"] == "retrain", name="train-a-challenger"):
                run = decided.outputs["run"]
                trained = training(
                    source=source,
                    source_version=run,
                    recipe=decided.outputs["recipe"],
                    ingest_recipe=decided.outputs["ingest_recipe"],
                    augment_recipe=decided.outputs["augment_recipe"],
                    weights=decided.outputs["weights"],
                    model=model,
                    policy=policy,
                    run=run,
                    code=code,
                    commit=commit,
                    actor=actor,
                    apply=apply,
                )
                place(
                    settle(
                        model=model,
                        claim=decided.outputs["claim"],
                        run=run,
                        version=trained.outputs["version"],
                        outcome=trained.outputs["outcome"],
                        applied=apply,
                        code=code,
                    ),
                )

    return pipeline
