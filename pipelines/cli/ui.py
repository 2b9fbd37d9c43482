"""`lobule ui`: the MLflow UI on the store in use."""

import os
import sys

import click


@click.command("ui")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def command(host: str, port: int) -> None:
    """Open the MLflow UI on the runs and models of this store; Ctrl-C ends it.

    With MLFLOW_TRACKING_URI set to a server, its address is shown instead.
    """
    from components.domain.names import EXPERIMENT
    from components.domain.settings import home, redacted, tracking_uri

    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        click.echo(f"the store in use is a server: open {redacted(uri)}")
        return
    from components.tracking.store import connect

    connect()
    import mlflow

    experiment = mlflow.get_experiment_by_name(EXPERIMENT).experiment_id
    click.echo(f"runs:   http://{host}:{port}/#/experiments/{experiment}/runs\nmodels: http://{host}:{port}/#/models\nCtrl-C ends it.")
    sys.stdout.flush()
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    artifacts = (home() / "mlflow-artifacts").as_uri()
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri  # not an argument: those of a process are there for all to see
    arguments = ["--default-artifact-root", artifacts, "--host", host, "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *arguments])
