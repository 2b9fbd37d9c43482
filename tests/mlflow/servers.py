"""A team's tracking server as `mlflow/serve.sh` starts it: on a real PostgreSQL and a real S3-compatible store, on loopback."""

import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a password of the tests"
spec = importlib.util.spec_from_file_location("s3_server_of_mlflow", ROOT / "tests" / "components" / "ingest" / "s3_server.py")
s3_server = importlib.util.module_from_spec(spec)
sys.modules["s3_server_of_mlflow"] = s3_server
spec.loader.exec_module(s3_server)


@dataclass(frozen=True)
class Team:
    """A running server: its address, its log, and the environment of a client who is a user."""

    uri: str
    log: Path
    bucket: object

    def client(self, user: str, home: Path, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LOBULE_", "MLFLOW_", "AWS_"))}
        return {
            **ours,
            "LOBULE_HOME": str(home),
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "LOBULE_ACTOR": user,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "NO_COLOR": "1",
            **more,
        }


def why_not(folder: Path) -> str:
    """Return why the server cannot run here, "" if it can."""
    if not postgres_programs():
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    for module in ("psycopg2", "flask_wtf"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed (extra `server`)"
    return s3_server.why_not(folder)


def postgres_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs; Debian keeps `initdb` off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextlib.contextmanager
def running_postgres(port: int) -> Iterator[str]:
    """Run a PostgreSQL and yield the address of its database; as `postgres` where we are root, which it refuses to run as."""
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="lobule-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    given = {"user": user, "cwd": folder, "stdin": subprocess.DEVNULL}
    (folder / "password").write_text("secret/word")  # with a character that an address must quote
    (folder / "password").chmod(0o644)
    command = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "lobule",
        "--auth=scram-sha-256",
        "--pwfile",
        folder / "password",
        "--no-sync",
    ]
    subprocess.run(command, check=True, capture_output=True, **given)
    options = ["-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"]
    process = subprocess.Popen([programs / "postgres", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **given)
    try:
        for _ in range(150):
            if not subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
                break
            time.sleep(0.2)
        yield f"postgresql+psycopg2://lobule:secret%2Fword@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_team(folder: Path, *users: str) -> Iterator[Team]:
    """Run everything, with some users."""
    import boto3

    port, database = s3_server.free_ports(2)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(s3_server.running_store(folder / "s3"))
        keys = {"aws_access_key_id": s3_server.KEY, "aws_secret_access_key": s3_server.SECRET, "region_name": "us-east-1"}
        bucket = boto3.resource("s3", endpoint_url=store.endpoint, **keys).create_bucket(Bucket="mlflow-artifacts")
        settings = {
            "MLFLOW_BACKEND_STORE_URI": stack.enter_context(running_postgres(database)),
            "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow-artifacts/team",
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of the tests",
            "MLFLOW_HOST": "127.0.0.1",
            "MLFLOW_PORT": str(port),
            **store.environment,
        }
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LOBULE_", "MLFLOW_", "AWS_"))}
        environment = ours | settings | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        log = folder / "mlflow.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [ROOT / "mlflow" / "serve.sh"], cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, log)
            team = Team(f"http://127.0.0.1:{port}", log, bucket)
            for user in users:
                ask(team, "users/create", {"username": user, "password": PASSWORD})
            yield team
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def ask(team: Team, path: str, body: dict[str, str], *, user: str | None = "admin") -> dict[str, object]:
    """POST to the server's API as a user; nobody where it is None."""
    request = urllib.request.Request(f"{team.uri}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    if user:
        import base64

        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.3)
    raise TimeoutError(f"the MLflow server does not answer: {log.read_text()[-1500:]}")
