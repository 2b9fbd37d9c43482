"""A Kubeflow Pipelines server, through the client of KFP: what is found there by name, what is started there, how it stands.

Who we are is found as that client finds it: `KF_PIPELINES_ENDPOINT` or `--host`, else the pod that we are in, else the kube config. A
token or cookies come from the environment and never from the command line, which other users of a machine can read.
"""

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import kfp
import kfp_server_api
import urllib3
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH, ServiceAccountTokenVolumeCredentials

from components.domain.errors import InputError
from components.domain.settings import redacted
from pipelines.cluster_errors import COOKIES, TOKEN, told
from pipelines.cluster_standing import Standing, standing_of

NAMESPACE, AUTHORITY = "KF_PIPELINES_NAMESPACE", "KF_PIPELINES_SSL_CA_CERT"
ANSWER_SECONDS = 60
"""After which a call that nobody answers has failed; the client itself would wait for ever."""


@dataclass(frozen=True)
class Launch:
    """What is started.

    Attributes:
        name: of the run; of a schedule, before the number of each of its runs.
        experiment: that it belongs to; made if it is not there.
        pipeline, version: ids of what was uploaded.
        arguments: of the pipeline.
        account: service account of its pods; "" for the usual one.
        root: where artifacts go; "" for the usual place.
    """

    name: str
    experiment: str
    pipeline: str
    version: str
    arguments: Mapping[str, object]
    account: str = ""
    root: str = ""


class _Client(kfp.Client):
    def get_kfp_healthz(self, sleep_duration: int = 5) -> kfp_server_api.V2beta1GetHealthzResponse:
        """Ask once, and for what is no login page: the client's own way asks for 25 seconds, and takes any page for an answer."""
        answer = json.loads(self._healthz_api.healthz_service_get_healthz(_preload_content=False, _request_timeout=ANSWER_SECONDS).data)
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=bool(answer.get("multi_user")))


class Cluster:
    """A Kubeflow Pipelines server that answered."""

    def __init__(self, host: str = "", namespace: str = "") -> None:
        """Connect to a server.

        Args:
            host: its address; "" finds it as the client of KFP does.
            namespace: of a multi-user server; "" takes KF_PIPELINES_NAMESPACE.

        Raises:
            UnreachableError: if it does not answer.
            InputError: if it refuses us, or is no such server.
        """
        host = host or os.environ.get("KF_PIPELINES_ENDPOINT", "")
        if host and "://" not in host:
            host = f"https://{host}"
        self.host = redacted(host) or "the Kubeflow Pipelines of this pod or of the kube config"
        self.namespace = namespace or os.environ.get(NAMESPACE, "")
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each of its own tries would be a line
        with told(self.host), _quiet():
            self._client = _Client(
                host=host or None,  # its argument `namespace` would name that of the server, not ours
                existing_token=os.environ.get(TOKEN) or None,
                cookies=os.environ.get(COOKIES) or None,
                credentials=_credentials(),
                ssl_ca_cert=os.environ.get(AUTHORITY) or None,
            )
            self.multi_user = bool(self._client.get_kfp_healthz().multi_user)
        self._api = self._client._run_api.api_client
        self._api.rest_client.request = partial(_bounded, self._api.rest_client.request)
        if self.multi_user:
            self.namespace = self.namespace or self._client.get_user_namespace()
            self._client._context_setting["namespace"] = self.namespace
            if not self.namespace:
                raise InputError(
                    f"{self.host} serves several users, each in a namespace, but none is named; set {NAMESPACE} or --namespace"
                )

    def version(self, file: Path, *, pipeline: str, name: str, about: str) -> tuple[str, str, bool]:
        """Return pipeline and version of a name, uploaded if it is not there, and whether it was.

        Args:
            file: compiled pipeline.
            pipeline: its name.
            name: of the version: the digest of the file, so that what has this name is this file.
            about: description of the version.
        """
        namespace = {"namespace": self.namespace} if self.multi_user else {}
        pipelines = self._client._pipelines_api

        def found() -> str | None:
            listed = self._client.list_pipelines(filter=_named(pipeline), **namespace).pipelines
            return listed[0].pipeline_id if listed else None

        def made() -> str:
            body = kfp_server_api.V2beta1Pipeline(name=pipeline, display_name=pipeline, **namespace)
            return str(pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id)

        with told(self.host), _quiet():
            of, _ = _found_or_made(found, made)

            def found_version() -> str | None:
                listed = self._client.list_pipeline_versions(of, filter=_named(name)).pipeline_versions
                return listed[0].pipeline_version_id if listed else None

            def uploaded() -> str:
                return str(self._client.upload_pipeline_version(str(file), name, pipeline_id=of, description=about).pipeline_version_id)

            return of, *_found_or_made(found_version, uploaded)

    def start(self, launch: Launch) -> str:
        """Start a run and return its id."""
        with told(self.host), _quiet():
            return str(self._client.run_pipeline(job_name=launch.name, **self._common(launch)).run_id)

    def schedule(self, launch: Launch, cron: str) -> str:
        """Start runs by a schedule of six fields, seconds first; returns the schedule's id."""
        options = {"cron_expression": cron, "no_catchup": True, "max_concurrency": 1}
        with told(self.host), _quiet():
            return str(self._client.create_recurring_run(job_name=launch.name, **options, **self._common(launch)).recurring_run_id)

    def _common(self, launch: Launch) -> dict[str, object]:
        experiment = self._client.create_experiment(launch.experiment, namespace=self.namespace if self.multi_user else None)
        return {
            "experiment_id": experiment.experiment_id,
            "params": dict(launch.arguments),
            "pipeline_id": launch.pipeline,
            "version_id": launch.version,
            "pipeline_root": launch.root or None,
            "service_account": launch.account or None,
        }

    def standing(self, run: str) -> Standing:
        """Return how a run stands."""
        with told(self.host, f"there is no run {run} at {self.host}; look at its list of runs"):
            return standing_of(self._client.get_run(run))

    def log(self, run: str, pods: tuple[str, ...]) -> str:
        """Return the log of the first of these pods that has one; "" where none has, as where pods and archive are gone."""
        for pod in pods:
            path = f"/apis/v1alpha1/runs/{quote(run)}/nodes/{quote(pod)}/log"  # outside the described API: no generated call has it
            with contextlib.suppress(kfp_server_api.ApiException, urllib3.exceptions.HTTPError, ValueError):
                answer = self._api.call_api(path, "GET", auth_settings=["Bearer"], _preload_content=False)
                if text := bytes(answer.data).decode(errors="replace"):
                    return text
        return ""

    def page(self, kind: str, found: str) -> str:
        """Return the address of a page: of `runs` or `recurringrun`."""
        prefix = str(self._client._get_url_prefix()).rstrip("/")
        return redacted(f"{prefix}/#/{kind}/details/{found}")


def _bounded(request: Callable[..., urllib3.HTTPResponse], *what: object, **how: object) -> urllib3.HTTPResponse:
    """Make a call of the client, which itself sets no time."""
    return request(*what, **{**how, "_request_timeout": how.get("_request_timeout") or ANSWER_SECONDS})


def _credentials() -> ServiceAccountTokenVolumeCredentials | None:
    """Return the token that a pod is given for Kubeflow Pipelines, where there is one."""
    path = os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or KF_PIPELINES_SA_TOKEN_PATH
    return ServiceAccountTokenVolumeCredentials(path) if Path(path).is_file() else None


def _found_or_made(find: Callable[[], str | None], make: Callable[[], str]) -> tuple[str, bool]:
    """Return what is there or is made, and whether it was made: where another was faster, what that one made."""
    known = find()
    if known:
        return known, False
    try:
        return make(), True
    except kfp_server_api.ApiException as error:
        others = find() if error.status == 409 else None
        if not others:
            raise
        return others, False


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the client prints and warns of from the user."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
