"""What a finished run says: how good the model is, what was made, what to type next."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from components.domain.report import Interval
    from pipelines.runspec import RunSpec

LEAKING = (
    "this run was split on purpose so that test images can have look-alikes or the same patient in training;",
    "its figures say nothing about new patients, and its model can never become champion",
)


def print_summary(spec: "RunSpec") -> str:
    """Print the summary of a finished run and return the gate's outcome."""
    from components.domain.report import Report

    result = json.loads(spec.result.read_text(encoding="utf-8"))
    report = Report.read(Path(result["report"]))
    check = json.loads((Path(result["check"]) / "serve_check.json").read_text(encoding="utf-8"))
    drift = Path(result["drift_report"])
    model, applied = f"{spec.arguments['model']}/{result['version']}", bool(spec.arguments["apply"])
    champion = applied and result["outcome"] == "promote"
    reasons = [line[2:] for line in Path(result["decision"]).read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    seen = ", NOT held out by group" if report.leaking else " that training never saw"
    facts = [
        *zip(("LEAKING", ""), LEAKING if report.leaking else (), strict=False),
        ("test AUC", f"{_interval(report.metrics['auc'])}  {report.images} images of {report.groups} groups{seen}"),
        ("sensitivity", f"{_interval(report.metrics['sensitivity'])}  for {report.positive}, at the threshold chosen on validation"),
        ("specificity", f"{_interval(report.metrics['specificity'])}  for all others, at the same threshold"),
        *(("", "too few groups for an interval: the brackets hold the whole range") for _ in range(report.metrics["auc"].says_nothing)),
        ("gate", f"{result['outcome']}{'' if applied else ' (not applied: --promote was not given)'}"),
        *(("", reason) for reason in reasons),
        (
            "service",
            f"{check['images']} test images through HTTP score as evaluated (largest difference {check['largest_difference']:.0e}),",
        ),
        ("", f"{check['p50_ms']:.1f} ms each, ready {check['ready_seconds']:.1f} s after its start"),
        *(("", _example(each)) for each in check["examples"]),
        ("drift", f"{result['drift']} between those images and the model's reference images"),
    ]
    made = [
        ("packaged service", result["bento"]),
        ("drift report", drift / "drift.html"),
        ("evaluation", Path(result["report"]) / "report.html"),
    ]
    _print(f"{model}  recipe {report.recipe}  {'@champion' if champion else '@challenger'}", facts)
    _print("Made", [*((name, str(path)) for name, path in made), ("everything printed", str(spec.log))])
    _print("Next", [(command, why) for command, why in _next(model, str(result["outcome"]), champion=champion, leaking=report.leaking)])
    return str(result["outcome"])


def _next(model: str, outcome: str, *, champion: bool, leaking: bool) -> list[tuple[str, str]]:
    """Return three commands with their reasons; never a promotion that the gate would refuse again."""
    first = ("lobule serve", "serve it, with a dashboard") if champion else (f"lobule serve {model}", "try it, with a dashboard")
    second = ("lobule ui", "see runs, curves and models in MLflow")
    third = ("lobule run --data FOLDER", "train on your own images")
    if outcome == "promote" and not champion and not leaking:
        second = ("lobule promote", "ask the gate to make it champion")
    elif outcome == "cannot tell":
        third = ("lobule run --data FOLDER", "train and test on more images: there are too few to tell")
    elif outcome == "reject" and not leaking:
        second = ("lobule runs", "compare it with the other runs")
    return [first, second, third]


def _interval(metric: "Interval") -> str:
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def _example(answer: dict[str, str | float]) -> str:
    return f"  an image labelled {answer['label']}: {answer['class_name']}, {answer['confidence']:.1f} %, {answer['verdict']}"


def _print(title: str, rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    click.echo("\n" + title)
    for name, text in rows:
        click.echo(f"  {name:<{width}}  {text}")
