"""Who retrains a model, and when: at most one at a time and one per cool-down, for every client of the registry.

The retrainings of model M are the entries of the list `M.retrainings` (`components.tracking.registry_list`), one each, numbered by
the registry in one step: of two that claim at once one is first. A claim names the last one it saw; if another stands between, it was
overtaken and counts for nothing. No lock is needed and none can be left behind: a retraining that died keeps its claim, and the
cool-down ends by itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import mlflow
from mlflow.entities.model_registry import ModelVersion

from components.domain.errors import RefusedError
from components.domain.names import EXPERIMENT, TAG_KIND, TAG_RETRAINS, TAG_RUN
from components.tracking.mlflow_tracker import open_run
from components.tracking.registry_list import create_list, versions_of

TAG_AFTER, TAG_OF, TAG_STATE, TAG_ACTOR = (f"lobule.retraining.{name}" for name in ("after", "of", "state", "actor"))
BEGUN = "begun"
_ABOUT = "Retrainings of {model}: one version of this page is one retraining, and holds off the next for its cool-down. Never edit it."


@dataclass(frozen=True)
class Retraining:
    """One retraining.

    Attributes:
        number: its place in the registry.
        time: when it was claimed, by the registry's clock.
        of: version of the model that was found wanting.
        run: name of the pipeline run.
        reason: why.
        actor: who asked.
        state: `begun`, or how it ended.
    """

    number: int
    time: datetime
    of: str
    run: str
    reason: str
    actor: str
    state: str


def read_retrainings(model: str) -> list[Retraining]:
    """Return the retrainings of a model, oldest first; overtaken claims are none."""
    found = versions_of(_name(model))
    return [
        _read(each) for place, each in enumerate(found) if place == 0 or int(each.tags.get(TAG_AFTER, "0")) >= int(found[place - 1].version)
    ]


def require_cooled(model: str, cool_down: timedelta) -> None:
    """Check that the last retraining lies further back than the cool-down.

    Raises:
        RefusedError: if it does not.
    """
    found = read_retrainings(model)
    if found and datetime.now(UTC) < found[-1].time + cool_down:
        last = found[-1]
        raise RefusedError(
            f"{model} is retrained at most once in {_words(cool_down)}, but run {last.run} began {_moment(last.time)} ({last.state}); "
            f"the next may begin {_moment(last.time + cool_down)}, or set --cool-down"
        )


def claim(model: str, of: str, *, run: str, reason: str, actor: str, cool_down: timedelta) -> Retraining:
    """Claim the next retraining of a model.

    Args:
        model: registered name.
        of: version that was found wanting.
        run: name of the pipeline run that will train.
        reason: why.
        actor: who asks.
        cool_down: least time since the last claim.

    Raises:
        RefusedError: if the last one is too recent, or another claim was first; nothing is to be trained then.
    """
    require_cooled(model, cool_down)
    client, name = mlflow.MlflowClient(), _name(model)
    known = [int(each.version) for each in versions_of(name)]
    if not known:
        create_list(name, model, _ABOUT.format(model=model))
    made = client.create_model_version(
        name,
        "lobule-retraining:/claim",
        tags={TAG_AFTER: str(max(known, default=0)), TAG_OF: of, TAG_RUN: run, TAG_STATE: BEGUN, TAG_ACTOR: actor},
        description=f"version {of}: {reason}"[:1000],
    )
    number = int(made.version)
    for each in read_retrainings(model):
        if each.number == number:
            return each
    client.set_model_version_tag(name, str(number), TAG_STATE, "overtaken: nothing was trained")
    raise RefusedError(
        f"one retraining of {model} begins at a time, but another was claimed first; nothing is trained, see its page in MLflow"
    )


def begin(model: str, of: str, *, run: str, reason: str, actor: str, cool_down: timedelta) -> Retraining:
    """Claim the next retraining and open its run, which says what it is to replace and why; arguments and errors as of `claim`."""
    claimed = claim(model, of, run=run, reason=reason, actor=actor, cool_down=cool_down)
    with open_run(run) as tracker:
        tracker.tags({TAG_RETRAINS: f"{model}/{of}", f"{TAG_RETRAINS}.reason": reason})
    return claimed


def conclude(model: str, number: int, *, run: str, state: str) -> None:
    """Write how a retraining ended, on its claim and on its run, which stays as it ended."""
    client = mlflow.MlflowClient()
    client.set_model_version_tag(_name(model), str(number), TAG_STATE, state[:500])
    found = mlflow.search_runs(
        experiment_names=[EXPERIMENT], filter_string=f"tags.`{TAG_RUN}` = '{run}' and tags.`{TAG_KIND}` = 'run'", output_format="list"
    )
    for each in found:
        client.set_tag(each.info.run_id, f"{TAG_RETRAINS}.outcome", state[:500])


def ended(version: str, outcome: str, *, applied: bool) -> str:
    """Return in words how a retraining ended that brought a version before the gate."""
    return f"version {version}: the gate says {outcome}; {'it is champion' if applied and outcome == 'promote' else 'the champion stays'}"


def _name(model: str) -> str:
    return f"{model}.retrainings"


def _read(found: ModelVersion) -> Retraining:
    def tag(name: str) -> str:
        return str(found.tags.get(name, ""))

    return Retraining(
        number=int(found.version),
        time=datetime.fromtimestamp(int(found.creation_timestamp) / 1000, UTC),
        of=tag(TAG_OF),
        run=tag(TAG_RUN),
        reason=str(found.description or "").partition(": ")[2],
        actor=tag(TAG_ACTOR),
        state=tag(TAG_STATE),
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _words(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
