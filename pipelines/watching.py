"""What the monitor is told about the model that it watches: its test report, and the floors of the promotion policy."""

from components.monitor.judgement import Evaluated
from components.monitor.performance import Floors
from components.promote.policy import Policy, policy_text


def evaluated(name: str, version: str | None) -> Evaluated | None:
    """Return what the run of a registered version keeps of its evaluation; None where there is no such version, or it keeps none."""
    if version is None:
        return None
    from components.tracking.store import connect
    from components.tracking.version_run import read_evaluation

    connect()
    found = read_evaluation(name, version)
    return Evaluated(*found) if found else None


def floors() -> Floors:
    """Return what a serving model must keep to, by the policy of this checkout."""
    return Floors.from_policy(Policy.from_toml(policy_text()).to_json())
