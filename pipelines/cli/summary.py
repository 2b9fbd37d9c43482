"""What a finished run says: what was made, how good it is, what to type next."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipelines.runspec import RunSpec


def print_summary(spec: "RunSpec") -> str:
    """Print the summary of a finished run and return the gate's decision."""
    from components.domain.report import Report

    result = json.loads(spec.result.read_text(encoding="utf-8"))
    report = Report.read(Path(result["report"]))
    check = json.loads((Path(result["check"]) / "serve_check.json").read_text(encoding="utf-8"))
    model, version = spec.arguments["model"], result["version"]
    auc, sensitivity = report.metrics["auc"], report.metrics["sensitivity"]
    champion = spec.arguments["apply"] and result["decision"] == "promote"
    click.echo(f"""
{model} version {version}, recipe {report.recipe}
  test AUC      {auc.value:.3f}  [{auc.low:.3f}, {auc.high:.3f}]  on {report.images} images in {report.groups} groups, none of which was trained on
  sensitivity   {sensitivity.value:.3f}  [{sensitivity.low:.3f}, {sensitivity.high:.3f}]  for {report.positive}, at the threshold chosen on validation
  gate          {result["decision"]}{" -> @champion" if champion else " (not applied: it stays @challenger)" if not spec.arguments["apply"] else ""}
  service       {describe_check(check)}
  drift         {result["drift"]}
  made          {result["bento"]}  (the packaged service)
                {result["drift_page"]}  (drift report)
                {spec.log}  (log)

Next:
  {"lobule ui          " if champion else "lobule promote     "}  {"compare runs and models in MLflow" if champion else "run the gate and make it champion"}
  lobule serve         {"serve the champion, with a dashboard" if champion else f"after that; now: lobule serve {model}/{version}"}
  lobule run --data F  train on your own folder of images
""")
    return str(result["decision"])


def describe_check(check: dict[str, object]) -> str:
    """Return what the check of the packaged service found, in one line."""
    return str(check)
