"""`lobule serve`: a model behind HTTP, with its dashboard."""

import os
import socket
import sys
from pathlib import Path

import click

from components.domain.errors import InputError
from components.domain.settings import home, prediction_log, tracking_uri


@click.command("serve")
@click.argument("model", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for every network.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--workers",
    envvar="LOBULE_WORKERS",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Server processes; each loads the model (about 350 MiB). One per CPU answers most requests.",
)
def command(model: str | None, host: str, port: int, workers: int) -> int:
    """Serve MODEL with its dashboard, until interrupted.

    MODEL is @champion (the default), NAME@ALIAS, NAME/VERSION, VERSION, or a bundle directory. An alias is followed: when
    another version is promoted, it takes over within seconds and without a restart. A version or a directory stays.

    \b
    Examples:
      lobule serve
      lobule serve lobule-ultrasound/3 --port 8080
      LOBULE_API_KEYS=secret lobule serve --host 0.0.0.0
      curl -F image=@image.png http://127.0.0.1:3000/predict

    Settings (LOBULE_API_KEYS, LOBULE_PREDICTION_LOG, limits, ...) are listed by `lobule doctor`.
    """
    import serving
    from pipelines.cli.output import console
    from serving.contract import tree_digest
    from serving.registry import resolve
    from serving.settings import ServiceSettings
    from serving.slot import Served

    settings = ServiceSettings.read()  # a setting that cannot be used is told here, in one line
    _require_free(host, port)
    cache = home() / "cache" / "bundles"
    found = resolve(model, tracking_uri=tracking_uri(), cache=cache)
    card = Served.load(found.bundle, signing_key=settings.signing_key).predictor.card  # so is a bundle that cannot be served
    environment = {
        **os.environ,
        "LOBULE_HOME": str(home()),
        "LOBULE_PREDICTION_LOG": os.environ.get("LOBULE_PREDICTION_LOG") or str(prediction_log()),
        "LOBULE_BUNDLE_CACHE": str(cache),
        "LOBULE_WORKERS": str(workers),
        "MLFLOW_TRACKING_URI": tracking_uri(),
        "BENTOML_HOME": str(Path(os.environ.get("BENTOML_HOME") or home() / "bentoml") / f"port-{port}"),  # a start empties its metrics
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": os.pathsep.join([str(Path(serving.__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    for name in ("LOBULE_MODEL", "LOBULE_BUNDLE", "LOBULE_MODEL_VERSION"):
        environment.pop(name, None)
    if found.followed:
        environment["LOBULE_MODEL"] = f"{found.name}@{found.alias}"
    else:
        environment |= {"LOBULE_BUNDLE": str(found.bundle), "LOBULE_MODEL_VERSION": found.version or ""}
    what = f"{found.name} version {found.version}" if found.version else f"{found.name} from {found.bundle}"
    how = f", following @{found.alias}" if found.followed else ""
    told = console()
    told.print(f"Serving {what}{how}: {', '.join(card.classes)}; bundle {tree_digest(found.bundle)[:19]}")
    told.print(
        f"  dashboard  http://{host}:{port}/\n  API        http://{host}:{port}/docs\n  log        {environment['LOBULE_PREDICTION_LOG']}"
    )
    told.print(f"{card.disclaimer} Stop with Ctrl-C.")
    sys.stdout.flush()
    arguments = ["-m", "bentoml", "serve", "serving.service:Lobule", "--host", host, "--port", str(port)]
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"--host and --port must be free to listen on, but got {host}:{port} ({error.strerror}); choose another"
            ) from None
