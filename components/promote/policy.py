"""The promotion policy: `mlflow/promotion-policy.toml` as a frozen type. Every key is required, an unknown one is an error."""

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from components.domain.errors import InputError

POLICY_FILE = Path(__file__).resolve().parents[2] / "mlflow" / "promotion-policy.toml"
"""The policy of this checkout. Images carry none: there a pipeline passes it as JSON."""

_LAYOUT: dict[str, tuple[str, ...]] = {
    "evidence": ("min_test_images", "min_test_groups"),
    "model": ("min_auc_low", "min_sensitivity", "min_specificity", "max_ece"),
    "robustness": ("corruption_severity", "max_auc_drop"),
    "champion": ("auc_margin", "sensitivity_margin"),
    "service": ("max_p95_ms", "max_ready_seconds", "max_bundle_mib"),
    "protocol": ("leaking",),
}
_COUNTS = ("min_test_images", "min_test_groups")
_SHARES = ("min_auc_low", "min_sensitivity", "min_specificity", "max_ece", "max_auc_drop", "auc_margin", "sensitivity_margin")
_BUDGETS = _LAYOUT["service"]


@dataclass(frozen=True)
class Policy:
    """What a challenger must show.

    Attributes:
        min_test_images, min_test_groups: below these nothing can be told.
        min_auc_low: of the lower end of the AUC's interval.
        min_sensitivity: of the positive class, at the operating point; min_specificity: of all others, there.
        max_ece: largest expected calibration error.
        corruption_severity: 1 (mild) to 5, at which robustness is judged.
        max_auc_drop: most that any corruption of that severity may take of the AUC of the positive class.
        auc_margin, sensitivity_margin: how much worse than the champion is still not inferior.
        max_p95_ms: of the packaged service, one request at a time, in milliseconds; max_ready_seconds: from its start to readiness.
        max_bundle_mib: size of the bundle, in MiB.
        leaking: always `reject`.
    """

    min_test_images: int
    min_test_groups: int
    min_auc_low: float
    min_sensitivity: float
    min_specificity: float
    max_ece: float
    corruption_severity: int
    max_auc_drop: float
    auc_margin: float
    sensitivity_margin: float
    max_p95_ms: float
    max_ready_seconds: float
    max_bundle_mib: float
    leaking: str = "reject"

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"the policy's {name} must be a whole number of at least 1, but got {value!r}; correct it")
        if type(self.corruption_severity) is not int or not 1 <= self.corruption_severity <= 5:
            raise InputError(f"the policy's corruption_severity must be 1, 2, 3, 4 or 5, but got {self.corruption_severity!r}; correct it")
        for name in _SHARES:
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise InputError(f"the policy's {name} must be a number in [0, 1], but got {value!r}; correct it")
        for name in _BUDGETS:
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value < float("inf"):
                raise InputError(f"the policy's {name} must be a number above 0, but got {value!r}; correct it")
        if self.leaking != "reject":
            raise InputError(f'the policy\'s leaking must be "reject", but got {self.leaking!r}; a leaking model is never champion')

    @classmethod
    def from_toml(cls, text: str) -> "Policy":
        """Read a policy.

        Args:
            text: TOML with the tables and keys of `mlflow/promotion-policy.toml`.

        Raises:
            InputError: for an unknown or missing key, or a value out of range.
        """
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"the policy must be TOML, but {error}; correct it") from None
        given = {
            (table, key) for table, part in tables.items() for key in (part if isinstance(part, dict) else ("",))
        }  # a bare key at the top shows as (key, "")
        known = {(table, key) for table, keys in _LAYOUT.items() for key in keys}
        for wrong, rule in ((given - known, "the policy has no setting"), (known - given, "the policy must have a setting")):
            if wrong:
                table, key = sorted(wrong)[0]
                choices = ", ".join(f"{a}.{b}" for a, b in sorted(known))
                raise InputError(f"{rule} {f'{table}.{key}'.rstrip('.')}; its settings are {choices}")
        return cls(**{key: tables[table][key] for table, key in known})

    def to_json(self) -> str:
        """Return the policy as one line of JSON: what a pipeline passes to its promote step, where no file is."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Policy":
        """Read what `to_json` wrote.

        Raises:
            InputError: if it is something else, or a value is out of range.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise InputError(f"the policy must be the JSON of a policy, but is not ({error}); compile the pipeline again") from None


def policy_text(path: Path | None = None) -> str:
    """Return the text of a policy file; without a path that of this checkout.

    Raises:
        InputError: if there is none.
    """
    try:
        return (path or POLICY_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"a promotion needs its policy, but {path or POLICY_FILE} cannot be read ({type(error).__name__}); name one"
        ) from None
