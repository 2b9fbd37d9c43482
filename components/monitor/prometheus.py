"""The verdict as Prometheus gauges, in the text format that the node exporter's textfile collector reads.

A window is judged by a job that ends, not by the service, so there is nothing to scrape: the job leaves a file, and the collector
serves it. `lobule_drift_run_timestamp_seconds` tells a monitor that stopped running from one that finds nothing.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from components.monitor.outcome import outcome_metrics
from components.monitor.verdict import DriftVerdict, Status

_HELP = {
    "lobule_drift": "1 if the window has drifted, 0 if not; absent when there is too little data to tell.",
    "lobule_drift_too_little_data": "1 if there is too little data to tell, else 0.",
    "lobule_drift_window_images": "Images of the model in the window.",
    "lobule_drift_usual_images": "Images that are usual in such a window, by earlier windows at the same time of the week.",
    "lobule_drift_volume_unusual": "1 if the number of images is not usual, else 0; absent where history is too short to tell.",
    "lobule_drift_p_value": "Chance that any detector is as surprising as this one if nothing has drifted.",
    "lobule_drift_effect": "Size of the difference from the reference: 0 the same, 1 apart altogether.",
    "lobule_drift_left_out_rows": "Rows of the log that lie in the window and do not belong to it.",
    "lobule_drift_unreadable_files": "Files of the log that could not be read.",
    "lobule_drift_alarm": "1 if something must be done: drift, or labels that show a performance below the policy; else 0.",
    "lobule_drift_performance": "Performance of the window with the ends of its interval: labelled (measured) or estimated.",
    "lobule_drift_run_timestamp_seconds": "When the window was judged.",
}


def gauges(verdict: DriftVerdict, *, now: datetime) -> str:
    """Return the verdict in Prometheus' text exposition format.

    Args:
        verdict: of a window.
        now: when it was judged, with a time zone.
    """
    model = f'model="{_escaped(verdict.model)}",bundle="{verdict.bundle[7:19]}"'
    volume = verdict.volume
    told = verdict.status is not Status.TOO_LITTLE_DATA
    left_out = {name: value for name, value in asdict(verdict.left_out).items() if isinstance(value, int)}
    samples: dict[str, list[tuple[str, float]]] = {
        "lobule_drift": [("", float(verdict.status is Status.DRIFT))] if told else [],
        "lobule_drift_too_little_data": [("", float(not told))],
        "lobule_drift_window_images": [("", float(verdict.images))],
        "lobule_drift_usual_images": [
            (f',bound="{name}"', bound)
            for name, bound in ((("low", volume.low), ("high", volume.high)) if volume else ())
            if bound is not None
        ],
        "lobule_drift_volume_unusual": [("", float(volume.unusual))] if volume and volume.chance is not None else [],
        "lobule_drift_p_value": [(f',detector="{each.name}"', each.corrected) for each in verdict.detectors],
        "lobule_drift_effect": [(f',detector="{each.name}"', each.effect) for each in verdict.detectors],
        "lobule_drift_left_out_rows": [(f',reason="{name}"', float(value)) for name, value in left_out.items()],
        "lobule_drift_unreadable_files": [("", float(len(verdict.left_out.unreadable)))],
        "lobule_drift_alarm": [("", float(verdict.alarm))],
        "lobule_drift_performance": [
            (f',metric="{name}"', value) for name, value in outcome_metrics(verdict.performance, verdict.estimate).items()
        ],
        "lobule_drift_run_timestamp_seconds": [("", now.timestamp())],
    }
    lines: list[str] = []
    for name, values in samples.items():
        if values:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{model}{labels}}} {value!r}" for labels, value in values]
    return "\n".join(lines) + "\n"


def write_gauges(verdict: DriftVerdict, path: Path, *, now: datetime) -> None:
    """Write the gauges to a file, which is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(gauges(verdict, now=now), encoding="utf-8")
    part.replace(path)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
