"""Recipe `auto`: from a fingerprint to a recipe, by one table of rules (`components.domain.auto_rules`), with the reason of each choice.

For each setting the first rule that holds decides; a rule sees the fingerprint and what was chosen before it. What the user sets is
taken as it is, so that the rules after it follow: `--set backbone=densenet121` also makes the batch smaller. Settings without a rule
have the recipe's default, whatever the data. As in nnU-Net (Isensee et al., Nature Methods 18 (2021) 203) these are the three kinds:
fixed, by rule, and found empirically, by the study.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.domain.augmentation import Augmentation
from components.domain.errors import InputError
from components.domain.fingerprint import Fingerprint
from components.domain.networks import NETWORKS, RATE, SIDE, Network
from components.domain.parameters import EFFORT
from components.domain.recipe import Recipe
from components.domain.search_space import SearchSpace

NAME = "auto"
BY_YOU = "set by you"

_FIELD = re.compile(r"\{[^}]*\}")
Value = str | int | float | bool | tuple[str, ...] | Augmentation | SearchSpace


@dataclass(frozen=True)
class Known:
    """What a rule may look at: the fingerprint, and what the user set and earlier rules chose."""

    data: Fingerprint
    chosen: Mapping[str, Any]

    @property
    def scratch(self) -> bool:
        """True if the network starts from random weights."""
        return str(self.chosen["weights"]) == "none"

    @property
    def network(self) -> Network:
        """Figures of the chosen backbone."""
        return NETWORKS[self.chosen["backbone"]]

    @property
    def train_images(self) -> int:
        """Images left to train on."""
        return max(1, int(self.data.images * (1 - self.chosen["validation"] - self.chosen["test"])))

    @property
    def seen_side(self) -> int:
        """Side in pixels of what the backbone sees of an image."""
        return int(self.chosen["image_size"]) // int(self.chosen.get("downscale", 1))

    @property
    def image_memory(self) -> float:
        """MiB that training needs for one image: its feature maps, and as much again for their gradients."""
        return 2 * self.network.activations * (self.seen_side / SIDE) ** 2

    def rate(self, size: int) -> float:
        """Return how many images of a size the processor fine-tunes in a second."""
        return RATE * self.data.machine.cores / self.network.cost * (SIDE / size) ** 2

    @property
    def minutes(self) -> float:
        """Minutes that an epoch of fine-tuning takes on the processor."""
        return self.train_images / self.rate(self.seen_side) / 60


@dataclass(frozen=True)
class When:
    """A condition: in words, and as a test."""

    words: str
    holds: Callable[[Known], bool]

    def __and__(self, other: "When") -> "When":
        """Return the condition that both hold."""
        return When(f"{self.words}, and {other.words}", lambda known: self.holds(known) and other.holds(known))


@dataclass(frozen=True)
class Formula:
    """A value that is worked out: in words, and as a function."""

    words: str
    of: Callable[[Known], Value]


@dataclass(frozen=True)
class Rule:
    """A row of the table.

    Attributes:
        setting: of the recipe; `weights` is that of the run.
        when: it holds.
        value: what is chosen then.
        reason: why; may name what is known, such as `{k.data.images}`.
    """

    setting: str
    when: When
    value: Value | Formula
    reason: str

    @property
    def value_words(self) -> str:
        """Return the value or how it is worked out, as people read it."""
        return self.value.words if isinstance(self.value, Formula) else as_text(self.value)

    @property
    def reason_words(self) -> str:
        """Return the reason without the facts of a data set, which stand as `N`."""
        return _FIELD.sub("N", self.reason)

    def decide(self, known: Known) -> "Choice":
        """Return the choice that follows."""
        value = self.value.of(known) if isinstance(self.value, Formula) else self.value
        return Choice(self.setting, value, self.reason.format(k=known))


@dataclass(frozen=True)
class Choice:
    """A setting, what was chosen for it, and why."""

    setting: str
    value: Value
    reason: str

    @property
    def by_you(self) -> bool:
        """True if the user chose it."""
        return self.reason.startswith(BY_YOU)

    def text(self) -> str:
        """Return the value as `--set` takes it; a policy as its parts."""
        return as_text(self.value)


@dataclass(frozen=True)
class Chosen:
    """What was chosen for a data set: the recipe, the weights, every choice with its reason, and what they were chosen from."""

    recipe: Recipe
    weights: str
    choices: tuple[Choice, ...]
    data: Fingerprint

    @property
    def lines(self) -> list[str]:
        """Return the choices as people read them, one line each."""
        rows = [(each.setting, each.text(), each.reason) for each in self.choices]
        left = max(len(setting) for setting, _, _ in rows)
        middle = max(len(value) for _, value, _ in rows if len(value) < 30)
        return [f"  {setting:<{left}}  {value:<{middle}}  {reason}" for setting, value, reason in rows]

    def to_json(self) -> str:
        """Return everything but the recipe, which has a file of its own."""
        choices = [{"setting": each.setting, "value": each.text(), "reason": each.reason} for each in self.choices]
        return json.dumps({"fingerprint": asdict(self.data), "choices": choices}, indent=2)


def changed_by_user(text: str) -> str:
    """Return what the user set against `auto`, from `Chosen.to_json`, as `key=value` separated by blanks; effort is left out."""
    rows = [row for row in json.loads(text)["choices"] if row["reason"].startswith(BY_YOU) and row["setting"] not in (*EFFORT, "weights")]
    return " ".join(sorted(f"{row['setting']}={row['value']}" for row in rows))


def choose(rules: Sequence[Rule], data: Fingerprint, *, given: Mapping[str, str], weights: str | None = None) -> Chosen:
    """Choose a recipe.

    Args:
        rules: the table.
        data: the fingerprint.
        given: settings by the user, as texts; see `Recipe.override`.
        weights: given by the user; None leaves them to the rules.

    Raises:
        InputError: if what the user set is no setting, or does not fit what was chosen.
    """
    typed = require_settings(given)
    mine: dict[str, Value] = {key: getattr(typed, key) for key in given if "." not in key}
    if weights is not None:
        mine["weights"] = weights
    chosen: dict[str, Any] = dict(mine)
    choices: list[Choice] = []
    for setting in dict.fromkeys(rule.setting for rule in rules):
        known = Known(data, chosen)
        choice = next((rule.decide(known) for rule in rules if rule.setting == setting and rule.when.holds(known)), None)
        if setting in mine:
            differs = choice is not None and choice.value != mine[setting] and setting != "weights"
            other = f"; auto would take {choice.text()}" if choice and differs else ""
            choice = Choice(setting, mine[setting], BY_YOU + other)
        if choice is not None:
            chosen[setting] = choice.value
            choices.append(choice)
    ruled = {choice.setting for choice in choices}
    choices += [Choice(key, value, BY_YOU) for key, value in mine.items() if key not in ruled]
    choices += [Choice(key, text, BY_YOU) for key, text in given.items() if "." in key]
    first_weights = str(chosen.pop("weights"))
    recipe = Recipe(name=NAME, **chosen).override({key: text for key, text in given.items() if "." in key})
    return Chosen(recipe, first_weights, tuple(choices), data)


def require_settings(given: Mapping[str, str]) -> Recipe:
    """Check settings before there is data: a recipe without opinion that has them.

    Raises:
        InputError: for an unknown key or a value that no recipe can have.
    """
    if "name" in given:
        raise InputError(f"--set cannot change 'name', which says that the rules chose, but got {given['name']!r}; leave it out")
    return Recipe(name=NAME, task="histology", backbone="convnet", fine_tune_epochs=1, trials=0).override(dict(given))


def as_text(value: Value) -> str:
    """Return a value as people read it and `--set` takes it."""
    if isinstance(value, Augmentation | SearchSpace):
        plain = {key: part for key, part in asdict(value).items() if part not in (0, False, "none", ())}
        return " ".join(f"{key}={_short(part)}" for key, part in plain.items()) or "none"
    return json.dumps(value) if isinstance(value, tuple | bool) else _short(value)


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
