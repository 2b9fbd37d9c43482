"""From a verdict to a claimed retraining of the champion, or to the reason why there is none."""

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from components.domain.errors import InputError, RefusedError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json
from components.tracking.retrainings import begin, require_cooled
from components.tracking.version_run import read_recipe

logger = logging.getLogger(__name__)
RETRAIN, NOTHING = "retrain", "nothing"


@dataclass(frozen=True)
class Decided:
    """What follows a verdict.

    Attributes:
        action: `retrain` or `nothing`.
        said: why, in words.
        run: name of the run that is to train, "" for none.
        recipe: as JSON; weights: that its training begins from.
        number: of the claim, 0 for none.
    """

    action: str
    said: str
    run: str = ""
    recipe: str = ""
    weights: str = ""
    number: int = 0

    def part(self, step: str) -> str:
        """Return the part of the recipe that a step uses, as JSON; "" without one."""
        return part_json(Recipe.from_json(self.recipe), step) if self.recipe else ""


def decide_retraining(verdict: Path, name: str, version: str, *, source: str, cool_down: timedelta, actor: str) -> Decided:
    """Claim a retraining if the verdict asks for one, a source is configured and the cool-down is over.

    Args:
        verdict: `drift.json`, as the monitor wrote it.
        name: of the registered model.
        version: that was watched.
        source: of labelled images, old and new; "" where none is configured.
        cool_down: least time since the last retraining.
        actor: who asks.

    Raises:
        InputError: if the verdict cannot be read, or the version's run keeps no recipe.
    """
    try:
        because = str(json.loads(verdict.read_text(encoding="utf-8"))["because"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"a verdict must say why to retrain, but {verdict} does not ({type(error).__name__}); judge the window again"
        ) from None
    if not because:
        return _told(Decided(NOTHING, "the window gives no reason to train again"))
    if not source:
        return _told(Decided(NOTHING, f"{because}; but no source of labelled images is configured, so a person must act"))
    run = f"retrain-{name}-v{version}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    try:
        require_cooled(name, cool_down)
        recipe, weights = read_recipe(name, version)
        claimed = begin(name, version, run=run, reason=because, actor=actor, cool_down=cool_down)
    except RefusedError as error:
        return _told(Decided(NOTHING, f"{because}; but {error}"))
    return _told(
        Decided(RETRAIN, f"run {run} begins, because {because}", run, recipe.to_json(), weights or recipe.usual_weights, claimed.number)
    )


def _told(decided: Decided) -> Decided:
    logger.info("%s: %s", decided.action, decided.said)
    return decided
