"""Where tasks run and what they ask for: resources, retries and caching anywhere, and what their pods have on a cluster.

A setting of the compilation, never of a step. On this machine there are no pods: KFP's local runner would pass over most of what they have
without a word, so nothing of it is set there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kfp import kubernetes
from kfp.dsl import PipelineTask

from components import images
from components.domain.errors import require
from components.domain.recipe import FROM_SCRATCH, Recipe
from components.domain.settings import JOB

HOME = "/lobule"
"""Home of a task: a directory of its own that goes with its pod, or a volume that all tasks share."""
EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
SECRET_KEYS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("LOBULE_OPTUNA_STORAGE", "LOBULE_SIGNING_KEY", "KAGGLE_API_TOKEN"),
)
"""What a secret may hold that is named without its keys; each key is the name of the variable that it fills."""
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_WORD}=({_WORD})?")
_SIZE = re.compile(r"[1-9][0-9]*[KMGT]i?")


@dataclass(frozen=True)
class Secret:
    """A Kubernetes secret whose keys become environment variables.

    Attributes:
        name: of the secret, in the namespace of the run.
        variables: variable by key.
        optional: a key that is not there leaves its variable unset; otherwise the pod does not start.
    """

    name: str
    variables: Mapping[str, str]
    optional: bool = False


@dataclass(frozen=True)
class Toleration:
    """A taint of nodes that training tasks put up with; without a value, whatever its value."""

    key: str
    value: str = ""
    effect: str = ""

    def __post_init__(self) -> None:
        require(bool(self.key), "a toleration must name the key of a taint", self.key, "write KEY, KEY:EFFECT or KEY=VALUE:EFFECT")
        require(self.effect in EFFECTS, f"the effect of a toleration must be one of {', '.join(EFFECTS[1:])}", self.effect, "correct it")


@dataclass(frozen=True)
class Pod:
    """What the pod of every task has on a cluster.

    Attributes:
        image: of all tasks; "" takes the pinned one (`components.images`).
        gpu_image: of the tasks that ask for accelerators; "" takes the same, or the pinned one with NVIDIA's libraries.
        environment: addresses and settings; never a secret, the compiled pipeline is for all to read.
        secrets: that fill variables.
        node_selector, tolerations: of the training tasks.
        volume: claim that is the home of all tasks, with caches, earlier splits and checkpoints; "" gives each task an empty home.
        folder: in that volume.
        pull_policy, pull_secrets: how the image is brought.
        labels: beside those that name the step.
        timeout: seconds after which a task is ended; 0 never ends it.
    """

    image: str = ""
    gpu_image: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    volume: str = ""
    folder: str = ""
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: int = 86400

    def __post_init__(self) -> None:
        require(self.pull_policy in PULL_POLICIES, f"a pull policy must be one of {', '.join(PULL_POLICIES)}", self.pull_policy, "choose")
        for key, value in (*self.labels.items(), *self.node_selector.items()):
            rule = "a label must be letters, digits, - _ . and at most 63 of them, its key after an optional prefix/"
            require(bool(_LABEL.fullmatch(f"{key}={value}")), rule, f"{key}={value}", "shorten or correct it")

    def dress(self, task: PipelineTask, *, training: bool, gpus: int) -> None:
        """Give a task what its pod has."""
        image = (self.gpu_image or self.image or f"{images.TRAIN}-cuda") if gpus else self.image
        if image:
            task.set_container_image(image)
        settings = {"HOME": HOME, "LOBULE_HOME": HOME, "LOBULE_EMBEDDED_STORES": "refused", "MLFLOW_DISABLE_TELEMETRY": "true"}
        settings |= {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
        for name, value in {**settings, **self.environment}.items():
            task.set_env_variable(name, value)
        if JOB not in self.environment:
            kubernetes.use_field_path_as_env(task, env_name=JOB, field_path="metadata.labels['pipeline/runid']")
        for secret in self.secrets:
            kubernetes.use_secret_as_env(task, secret.name, dict(secret.variables), optional=secret.optional)
        if self.volume:
            kubernetes.mount_pvc(task, pvc_name=self.volume, mount_path=HOME, sub_path=self.folder)
        else:
            kubernetes.empty_dir_mount(task, volume_name="lobule-home", mount_path=HOME)
        kubernetes.set_image_pull_policy(task, self.pull_policy)
        if self.pull_secrets:
            kubernetes.set_image_pull_secrets(task, list(self.pull_secrets))
        for name, value in {"app.kubernetes.io/name": "lobule", "app.kubernetes.io/component": task.name, **self.labels}.items():
            kubernetes.add_pod_label(task, name, value)
        if self.timeout:
            kubernetes.set_timeout(task, self.timeout)
        if training:
            for name, value in self.node_selector.items():
                kubernetes.add_node_selector(task, name, value)
            for each in self.tolerations:
                operator = "Equal" if each.value else "Exists"
                kubernetes.add_toleration(task, key=each.key, operator=operator, value=each.value or None, effect=each.effect or None)


@dataclass(frozen=True)
class Placement:
    """What tasks ask of the machine that they run on.

    Attributes:
        retries: how often a failed task is tried again, with a growing pause.
        gpus: accelerators of each training task; 0 trains on the CPU.
        accelerator: resource key of an accelerator.
        caching: reuse the output of a task whose inputs and code are the same.
        workers: training tasks that search one study together.
        cpus, memory: of a training task; the others ask for less.
        pod: what a pod has on a cluster; None on this machine.
    """

    retries: int = 2
    gpus: int = 1
    accelerator: str = "nvidia.com/gpu"
    caching: bool = True
    workers: int = 1
    cpus: int = 4
    memory: str = "16Gi"
    pod: Pod | None = field(default_factory=Pod)

    def __post_init__(self) -> None:
        require(
            bool(_SIZE.fullmatch(self.memory)),
            "memory must be a number and K, M, G or T, with i for powers of 2",
            self.memory,
            "write 16Gi",
        )

    def place(
        self, task: PipelineTask, *, cpus: int = 1, memory: str = "2Gi", training: bool = False, pure: bool = True, again: bool = True
    ) -> PipelineTask:
        """Say where a task runs, and return it.

        Args:
            task: of a pipeline that is being built.
            cpus: asked for; a task may use twice as many where they are idle.
            memory: asked for, and never exceeded.
            training: it trains: the placement's own resources, accelerators and nodes.
            pure: the same inputs give the same outputs, so they may be reused.
            again: it is tried again where it fails.
        """
        cpus, memory, gpus = (self.cpus, self.memory, self.gpus) if training else (cpus, memory, 0)
        task.set_cpu_request(str(cpus)).set_cpu_limit(str(2 * cpus)).set_memory_request(memory).set_memory_limit(memory)
        if gpus:
            task.set_accelerator_type(self.accelerator).set_accelerator_limit(gpus)
        if self.retries and again:
            task.set_retry(num_retries=self.retries, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")
        if self.pod:
            self.pod.dress(task, training=training, gpus=gpus)
        return task.set_caching_options(self.caching and pure)


def memory_of(recipe: Recipe) -> str:
    """Return what training a recipe asks for, with room to spare: small networks from scratch fit a laptop's cluster."""
    if recipe.image_size > 256 or recipe.backbone == "flatcnn":
        return "24Gi"
    return "4Gi" if recipe.backbone in FROM_SCRATCH and recipe.image_size <= 128 else "12Gi"
