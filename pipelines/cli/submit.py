"""`lobule submit`: the pipeline on a Kubeflow Pipelines cluster."""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError, LobuleError
from pipelines.cli.cluster_options import cluster_options

if TYPE_CHECKING:
    from pipelines.cli.cluster_options import Asked, Wanted
    from pipelines.cluster_client import Cluster

FAILED, INTERRUPTED = 3, 130


@click.command("submit")
@click.option(
    "--host", metavar="URL", default="", help="Kubeflow Pipelines server. Default: KF_PIPELINES_ENDPOINT, the pod's, kube config's."
)
@click.option("--namespace", metavar="NAME", default="", help="On a multi-user server. Default: KF_PIPELINES_NAMESPACE.")
@click.option("--experiment", metavar="NAME", default="lobule", show_default=True, help="Experiment of the run; made if it is not there.")
@click.option("--service-account", metavar="NAME", default="", help="Of the run's pods.")
@click.option("--pipeline-root", metavar="URL", default="", help="Where artifacts go, as s3://bucket/prefix. Default: the server's.")
@click.option("--wait", is_flag=True, help="Show the progress, task by task; exit code 3 when the run fails.")
@click.option("--schedule", metavar="CRON", help="Run it again and again: five fields, or six with seconds first.")
@click.option("--watch", metavar="RUN", help="Submit nothing: show the progress of a run that was submitted, by its id.")
@cluster_options
def command(
    host: str,
    namespace: str,
    experiment: str,
    service_account: str,
    pipeline_root: str,
    wait: bool,
    schedule: str | None,
    watch: str | None,
    wanted: "Wanted",
    asked: "Asked",
) -> int:
    """Run the pipeline on a Kubeflow Pipelines cluster: compile, upload (once), start, print the address.

    Tasks find their images at --data, meet at an MLflow server (--mlflow) and hand on artifacts through the cluster's pipeline root.
    Passwords come from Kubernetes secrets (--secret). Who you are comes from KF_PIPELINES_TOKEN or KF_PIPELINES_COOKIES, or from the pod.

    \b
    Examples:
      lobule submit --host http://localhost:8080 --data s3://clinic/busi --recipe ultrasound-mobilenetv2 --secret lobule --wait
      lobule submit --data sample:histology --mlflow http://mlflow.lobule:5000 --image registry.example.org/lobule-train:0.1.0
      lobule submit --data s3://clinic/busi --weights imagenet --trials 40 --workers 4 --secret lobule --toleration nvidia.com/gpu
      lobule submit --pipeline monitoring --data s3://clinic/labelled --log-claim lobule-log --secret lobule --schedule "0 6 * * 1"
      lobule submit --watch 0f9c3c2e-5d2b-4f0e-9a53-2f4f1a1c5a11

    \b
    Exit codes: 0 submitted, or ended well under --wait; 2 bad input or no server; 3 the run failed; 130 interrupted, the run goes on.
    """
    from pipelines.cluster_client import Cluster, Launch
    from pipelines.cluster_environment import require_mlflow
    from pipelines.cluster_order import check_arguments

    if watch:
        cluster = Cluster(host, namespace)
        cluster.standing(watch)  # an unknown run is said before it is followed
        return _follow(cluster, watch)
    if wait and schedule:
        raise InputError("--wait follows one run, but --schedule starts many; leave one of them out")
    cron = _six_fields(schedule) if schedule else ""
    order = wanted.order()
    placement = asked.placement(order.recipe)
    require_mlflow(placement, asked.mlflow)
    arguments = order.arguments(scheduled=bool(schedule))
    with tempfile.TemporaryDirectory(prefix="lobule-submit-") as folder:
        file = Path(folder) / "pipeline.yaml"
        digest = order.write(file, placement, defaults=False)
        check_arguments(file, arguments)
        cluster = Cluster(host, namespace)
        pipeline, version, fresh = cluster.version(file, pipeline=order.pipeline, name=digest, about=order.said)
    click.echo(f"{order.pipeline} {digest} {'uploaded' if fresh else 'is there already'}: {order.said}", err=True)
    name = str(arguments.get("run") or order.kind)
    launch = Launch(name, experiment, pipeline, version, arguments, account=service_account, root=pipeline_root)
    if cron:
        click.echo(f"schedule {name} ({cron}): {cluster.page('recurringrun', cluster.schedule(launch, cron))}")
        return 0
    run = cluster.start(launch)
    click.echo(f"run {name}: {cluster.page('runs', run)}")
    if wait:
        return _follow(cluster, run)
    click.echo(f"look at it here with: lobule submit --watch {run}", err=True)
    return 0


def _follow(cluster: "Cluster", run: str) -> int:
    """Show a run to its end and return the exit code."""
    from pipelines.cluster_standing import SUCCEEDED
    from pipelines.cluster_watch import POLL_SECONDS, follow

    began = time.monotonic()

    def show(step: str, text: str) -> None:
        seconds = int(time.monotonic() - began)
        click.echo(f"{seconds // 60:3d}:{seconds % 60:02d}  {step:<16} {text}", err=True)

    try:
        end = follow(cluster, run, show, poll=POLL_SECONDS)
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo(f"lobule: stopped looking; the run goes on: lobule submit --watch {run}", err=True)
        return INTERRUPTED
    except LobuleError as error:  # a server that went away, a token that ended
        raise InputError(f"{error}; the run may go on: lobule submit --watch {run}") from None
    if end.state == SUCCEEDED:
        click.echo("done; see `lobule runs`, `lobule models` and `lobule promote` with MLFLOW_TRACKING_URI set to the cluster's server")
        return 0
    for failure in end.failures:
        for line in failure.tail:
            click.echo(f"  {failure.step} | {line}", err=True)
        click.echo(f"lobule: {failure.step} failed: {failure.reason}", err=True)
    if not end.failures:
        click.echo(f"lobule: the run ended {end.state.lower()}{f': {end.error}' if end.error else ''}", err=True)
    return FAILED


def _six_fields(cron: str) -> str:
    """Return a schedule as Kubeflow Pipelines reads it, with seconds."""
    fields = cron.split()
    if len(fields) not in (5, 6) and not cron.startswith("@"):
        raise InputError(f'--schedule must have five fields, or six with seconds first, but got {cron!r}; write for example "0 6 * * 1"')
    return " ".join(["0", *fields] if len(fields) == 5 else fields)
