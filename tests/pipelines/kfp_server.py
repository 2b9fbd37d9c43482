"""A local HTTP server that speaks the published Kubeflow Pipelines API, as far as `lobule submit` uses it, and keeps what it is told.

No Kubeflow Pipelines: it checks every body against the models of kfp-server-api, every uploaded pipeline against KFP's own messages, and
every run's arguments as the real server does, and its runs advance by one task each time they are looked at. What it answers is made of the
same models.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as models
import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

API = models.ApiClient()


def checked(body: object, model: str) -> object:
    """Return a body that is one of the API's models and nothing beside; ValueError otherwise."""
    made = API.deserialize(SimpleNamespace(data=json.dumps(body)), model)
    if _plain(API.sanitize_for_serialization(made)) != _plain(body):
        raise ValueError(f"not a {model}: {body}")
    return made


def _plain(value: object) -> object:
    """Return a body with its numbers as text: in JSON a 64-bit number of these messages is either."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass
class Server:
    """The server's state. `fail` names a task that fails, `logs` what pods said."""

    port: int = 0
    token: str = ""
    multi_user: bool = False
    fail: str = ""
    broken: int = 0  # answers of 503 that are still to come
    unseen: list[str] = field(default_factory=list)  # ends of listings that are answered once as if nothing were there yet
    logs: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    experiments: list[dict] = field(default_factory=list)
    pipelines: list[dict] = field(default_factory=list)
    versions: list[dict] = field(default_factory=list)
    runs: list[dict] = field(default_factory=list)
    recurring: list[dict] = field(default_factory=list)
    looks: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spec(self, reference: dict) -> dict:
        found = [each for each in self.versions if each["pipeline_version_id"] == reference["pipeline_version_id"]]
        if not found or found[0]["pipeline_id"] != reference["pipeline_id"]:
            raise ValueError(f"no such version: {reference}")
        return found[0]["pipeline_spec"]

    def check_arguments(self, body: dict) -> None:
        inputs = self.spec(body["pipeline_version_reference"])["root"]["inputDefinitions"]["parameters"]
        given = body["runtime_config"]["parameters"]
        unknown = set(given) - set(inputs)
        missing = {name for name, each in inputs.items() if "defaultValue" not in each and name not in given}
        if unknown or missing:
            raise ValueError(f"unknown {unknown}, missing {missing}")

    def details(self, run: dict) -> tuple[str, list[dict]]:
        """Return the state of a run and its engine's nodes, one more task with each look."""
        order = ["ingest-version", "ingest", "train", "close"]
        self.looks += 1
        shown = order[: self.looks]
        nodes = [{"display_name": "root", "task_id": "n-root", "state": "RUNNING"}]
        failed = False
        for number, name in enumerate(shown):
            last = number == len(shown) - 1 and self.looks <= len(order)
            failing = name == self.fail and not last
            failed = failed or failing
            state = "FAILED" if failing else "RUNNING" if last else "SUCCEEDED"
            workflow = f"lobule-training-x-{number}"
            nodes.append({"display_name": f"{name}-driver", "task_id": f"d{number}", "pod_name": f"{workflow}1", "state": "SUCCEEDED"})
            executor = {"display_name": "executor", "task_id": f"e{number}", "pod_name": f"{workflow}3", "state": state}
            nodes.append(
                {
                    "display_name": name,
                    "task_id": f"t{number}",
                    "pod_name": f"{workflow}2",
                    "state": state,
                    "child_tasks": [{"pod_name": f"{workflow}3"}],
                }
            )
            if failing:
                executor["error"] = {"code": 2, "message": "Error (exit code 3)"}
            nodes.append(executor)
        done = self.looks > len(order)
        return ("FAILED" if failed else "SUCCEEDED") if done else "RUNNING", nodes


class Handler(BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *_: object) -> None:
        return

    def answer(self, status: int, body: object, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_call(self) -> None:
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.requests.append((self.command, address.path))
        if self.state.broken:
            self.state.broken -= 1
            return self.answer(503, {"message": "no healthy upstream"})
        if self.state.token and self.headers.get("Authorization") != f"Bearer {self.state.token}":
            return self.answer(401, {"message": "Unauthenticated"})
        for end in [each for each in self.state.unseen if "filter" in query and address.path.endswith(each)]:
            self.state.unseen.remove(end)
            return self.answer(200, {})
        try:
            status, body = self.route(f"{self.command} {address.path}", query, data)
        except FileExistsError as error:
            return self.answer(409, {"code": 6, "message": f"Already exist error: {error}"})
        except ValueError as error:
            return self.answer(400, {"code": 3, "message": f"Invalid input error: {error}"})
        self.answer(status, body, "text/plain" if isinstance(body, bytes) else "application/json")

    do_GET = do_POST = handle_call  # noqa: N815 - names of http.server

    def route(self, call: str, query: dict[str, str], data: bytes) -> tuple[int, object]:
        state = self.state
        if call == "GET /apis/v2beta1/healthz":
            return 200, {"multi_user": True} if state.multi_user else {}
        if call == "GET /apis/v2beta1/experiments":
            return 200, {"experiments": matching(state.experiments, query)}
        if call == "POST /apis/v2beta1/experiments":
            return 200, keep(state.experiments, data, "V2beta1Experiment", "experiment_id")
        if call == "GET /apis/v2beta1/pipelines":
            return 200, {"pipelines": matching(state.pipelines, query)}
        if call == "POST /apis/v2beta1/pipelines" and any(each["name"] == json.loads(data)["name"] for each in state.pipelines):
            raise FileExistsError("a pipeline of this name exists")
        if call == "POST /apis/v2beta1/pipelines":
            return 200, keep(state.pipelines, data, "V2beta1Pipeline", "pipeline_id")
        if match := re.fullmatch(r"GET /apis/v2beta1/pipelines/([\w-]+)/versions", call):
            return 200, {"pipeline_versions": matching([each for each in state.versions if each["pipeline_id"] == match[1]], query)}
        if call == "POST /apis/v2beta1/pipelines/upload_version":
            return 200, self.upload(query, data)
        if call == "POST /apis/v2beta1/runs":
            state.check_arguments(json.loads(data))
            return 200, keep(state.runs, data, "V2beta1Run", "run_id")
        if match := re.fullmatch(r"GET /apis/v2beta1/runs/([\w-]+)", call):
            return self.look(match[1])
        if call == "POST /apis/v2beta1/recurringruns":
            state.check_arguments(json.loads(data))
            cron = json.loads(data)["trigger"]["cron_schedule"]["cron"]
            if len(cron.split()) != 6:
                raise ValueError(f"Schedule cron is not a supported format: {cron}")
            return 200, keep(state.recurring, data, "V2beta1RecurringRun", "recurring_run_id")
        if match := re.fullmatch(r"GET /apis/v1alpha1/runs/([\w-]+)/nodes/([\w-]+)/log", call):
            said = state.logs.get(match[2])
            return (200, said.encode()) if said else (500, {"error_message": f"Failed to read logs from pod {match[2]}"})
        return 404, {"code": 5, "message": "Not Found"}

    def upload(self, query: dict[str, str], data: bytes) -> dict:
        """Keep a version; what is uploaded must be a pipeline by KFP's own messages, its platform part too."""
        boundary = re.search(r"boundary=(\S+)", self.headers["Content-Type"])[1].encode()
        (part,) = [each for each in data.split(b"--" + boundary) if b"filename=" in each]
        spec, *platform = yaml.safe_load_all(part.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n", 1)[0])
        json_format.ParseDict(spec, PipelineSpec())
        for each in platform:
            for executor in each["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
                json_format.ParseDict(executor, KubernetesExecutorConfig())
        made = {"pipeline_id": query["pipelineid"], "display_name": query["name"], "description": query.get("description", "")}
        if any(each["display_name"] == made["display_name"] for each in self.state.versions):
            raise FileExistsError(f"a version of this name exists: {made['display_name']}")
        made |= {"pipeline_version_id": f"version-{len(self.state.versions) + 1}", "pipeline_spec": spec}
        checked(made, "V2beta1PipelineVersion")
        self.state.versions.append(made)
        return made

    def look(self, run: str) -> tuple[int, object]:
        found = [each for each in self.state.runs if each["run_id"] == run]
        if not found:
            return 404, {"code": 5, "message": f"Run {run} not found"}
        status, nodes = self.state.details(found[0])
        answer = {**found[0], "state": status, "run_details": {"task_details": nodes}}
        checked(answer, "V2beta1Run")
        return 200, answer


def keep(kept: list[dict], data: bytes, model: str, key: str) -> dict:
    body = json.loads(data)
    checked(body, model)
    kept.append({**body, key: f"{key.split('_', maxsplit=1)[0]}-{len(kept) + 1}"})
    return kept[-1]


def matching(listed: list[dict], query: dict[str, str]) -> list[dict]:
    (predicate,) = json.loads(query["filter"])["predicates"]
    assert predicate["operation"] == 1
    name, namespace = predicate["stringValue"], query.get("namespace", "")
    return [each for each in listed if each[predicate["key"]] == name and each.get("namespace", "") == namespace]


@contextmanager
def running(**options: object) -> Iterator[Server]:
    """Run a server on a free port."""
    state = Server(**options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
