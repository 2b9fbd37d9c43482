"""From an alarm to a challenger: the champion's recipe on the images that a source holds now, claimed so that only one does it.

Everything that can be refused is refused before the claim, and the claim before the training. The challenger goes through the gate
like any other; the alias moves only where a person asked for that (`promote`) and the gate says so.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from components.domain.settings import actor
from components.tracking.retrainings import Retraining, begin, conclude, ended, require_cooled
from components.tracking.store import connect
from components.tracking.version_run import read_recipe
from pipelines.runspec import RunSpec
from pipelines.starting import specify
from pipelines.supervise import Outcome, supervise

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """A claimed retraining that is about to run."""

    model: str
    spec: RunSpec
    claimed: Retraining


def plan(name: str, version: str, *, reason: str, source: str, cool_down: timedelta, promote: bool) -> Plan:
    """Prepare and claim the retraining of a registered version.

    Args:
        name: of the registered model.
        version: that was found wanting.
        reason: why.
        source: of labelled images, old and new.
        cool_down: least time since the last retraining.
        promote: move the alias if the gate says so.

    Raises:
        InputError: if the source, the recipe or the weights cannot be used.
        RefusedError: if the last retraining is too recent, or another was claimed first.
    """
    connect()
    require_cooled(name, cool_down)
    recipe, weights = read_recipe(name, version)
    spec = specify(recipe, source, weights=weights or recipe.usual_weights, promote=promote)
    claimed = begin(name, version, run=spec.name, reason=reason, actor=actor(), cool_down=cool_down)
    logger.info("version %s of %s is retrained by run %s: %s", version, name, spec.name, reason)
    return Plan(name, spec, claimed)


def carry_out(planned: Plan, show: Callable[[str, str], None]) -> tuple[Outcome, str]:
    """Run a planned retraining to its end; write how it ended where every client sees it.

    Args:
        planned: claimed.
        show: told the progress.

    Returns:
        How the run ended, and that in words.
    """
    outcome = supervise(planned.spec, show)
    if outcome.exit_code:
        state = f"failed: {outcome.reason}"
    else:
        result = json.loads(planned.spec.result.read_text(encoding="utf-8"))
        state = ended(result["version"], result["outcome"], applied=bool(planned.spec.arguments["apply"]))
    connect()
    conclude(planned.model, planned.claimed.number, run=planned.spec.name, state=state)
    return outcome, state
