"""A year of windows in Evidently's own UI: one small summary a window, in a workspace that `evidently ui --workspace DIR` opens.

A summary holds the counts, p-values and effects of a window and no distributions: a few kilobytes instead of megabytes, so that the
project stays quick to open however many windows it holds. Importing Evidently takes seconds; it happens only when one is added.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components.monitor.verdict import DriftVerdict

if TYPE_CHECKING:
    from evidently import Snapshot
    from evidently.ui.workspace import Project, Workspace

_PANELS = {
    "Drifted properties": ("drifted",),
    "Smallest corrected p-value": ("smallest_p",),
    "Images": ("images",),
    "Effect, 0 the same to 1 apart": ("effect_images", "effect_model_view", "effect_answers", "effect_log"),
    "Abstained, out of distribution": ("abstain", "out_of_distribution"),
}


def summary(verdict: DriftVerdict) -> dict[str, float]:
    """Return a window's numbers by name; those that need a comparison are missing where there was too little data."""
    values = {"images": float(verdict.images)}
    if not verdict.detectors:
        return values
    values |= {"drifted": float(len(verdict.drifted)), "smallest_p": min(each.corrected for each in verdict.detectors)}
    for detector in verdict.detectors:
        name = f"effect_{detector.about.replace(' ', '_')}"
        values[name] = max(values.get(name, 0.0), detector.effect)
        if detector.name == "verdict":
            values |= {share: detector.current.get(share, 0.0) for share in ("abstain", "out_of_distribution")}
    return values


def add_window(workspace: Path, verdict: DriftVerdict) -> None:
    """Add a window's summary to the project of its model; both are made if they are not there.

    Args:
        workspace: directory of the Evidently workspace.
        verdict: of the window.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently.ui.workspace import Workspace

    workspace.mkdir(parents=True, exist_ok=True)
    opened = Workspace.create(str(workspace))
    found = opened.search_project(verdict.model)
    project = found[0] if found else _project(opened, verdict.model)
    opened.add_run(project.id, _snapshot(verdict), include_data=False)


def _project(workspace: "Workspace", model: str) -> "Project":
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    project = workspace.create_project(model, "Drift of what the service sees, window by window. Research use only. Not for clinical use.")
    for title, names in _PANELS.items():
        values = [PanelMetric(legend=name.replace("_", " "), metric="MeanValue", metric_labels={"column": name}) for name in names]
        project.dashboard.add_panel(
            line_plot_panel(title=title, size="half", values=values)
        )  # with a tab's name a panel would stand there twice
    return project


def _snapshot(verdict: DriftVerdict) -> "Snapshot":
    """Run Evidently over one row of numbers, and take out the plots that it draws of each."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.renderers.html_widgets import CounterData, counter
    from evidently.metrics import MeanValue

    values = summary(verdict)
    names = list(values)
    data = Dataset.from_pandas(pd.DataFrame([values]), data_definition=DataDefinition(numerical_columns=names))
    snapshot = Report([MeanValue(column=name) for name in names], metadata={"bundle": verdict.bundle}, tags=[verdict.status.value]).run(
        data, None, timestamp=(verdict.last or verdict.until or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    )
    shown = counter(title=verdict.text, counters=[CounterData(name.replace("_", " "), f"{value:.3g}") for name, value in values.items()])
    for result in snapshot.metric_results.values():
        result.widget = []
    snapshot._widgets = [shown]  # Evidently has no setter; a test holds it to this
    return snapshot
