"""The graph on OpenVINO: the fastest CPU runtime measured, which reads ONNX as it is.

The precision is always set: on a CPU that knows bfloat16, OpenVINO would otherwise choose it by itself, and scores would move by
up to 0.05.

A service answers several requests at once, and then one CPU thread for each costs less than all of them for one after the other:
10 % of the processor time of an f32 inference and 10 to 30 % in bf16 (EfficientNetB0 at 96, DenseNet121 at 224, two requests on two
cores). Both cores for a lone request are no gain either: it took 5.8 ms with them and 5.7 without, for 6.9 and 5.6 ms of processor time
(EfficientNetB0 at 96, the whole request).

Of its own accord OpenVINO binds each of those threads to one CPU, the same ones in every process: an inference then waits for whatever
else runs there, the service's own work on requests too, though another CPU is free, and two processes of one thread each share the first
CPU. So the threads of a service are bound to none. With other programs on the cores a lone request took 6.2 ms in place of 6.8, and the
slowest of a hundred 13 in place of 19 (medians of seven runs in turns), for no more processor time.

Where a process has one such thread, OpenVINO infers on the thread that calls; with several it hands over to one of its own, and back:
3.7 ms in place of 3.1 (EfficientNetB0 at 96, f32, one request after the other). Processes do not share the interpreter's lock either: two
of one thread answered 797 requests a second where one of two threads answered 700 (`make bench-serve`).

A graph is compiled for each batch size that is needed: one for any size costs 4 to 30 % more of single images, and in bf16 it rounds
otherwise, so that an image would score otherwise among others than alone. Those of fixed sizes give exactly the same.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from serving.contract import BF16_TOLERANCE, GRAPH_FILE, GRAPH_INPUT, GRAPH_OUTPUTS, Card, ContractError, ImageSpec
from serving.runtime import Batch, Floats, Graph, GraphOutput, Meanwhile, nothing

# Importing OpenVINO sends a usage event and leaves ~/intel/openvino_ga_cid. Where its telemetry cannot be imported it takes its own
# stub, which does nothing: a service calls nobody, and writes nothing but its log.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how Python marks a module that must not load
import openvino as ov  # noqa: E402

logger = logging.getLogger(__name__)
SIZES = {128: (8, 4, 1), 256: (4, 1)}
"""Numbers of images that run through the graph together, largest first, by the side in pixels up to which that pays.

More requests a second with 32 under way on two workers (medians of runs in turns): with a graph for eight beside those for four and one a
tenth (EfficientNetB0 at 96, f32), for 34 to 60 MiB; with one for four beside that for one, at 224, 19 % (EfficientNetB0, bf16), 8 % (the
same in f32), 21 % (MobileNetV2, bf16) and 8 % (DenseNet121, bf16), for 24 to 54 MiB. A third to more than a half of it is saved outside
the graph: what runs after an inference finds the CPU's caches full of it, once for four images. A heat map, which has 14 views,
takes 2 and 5 % more in f32 (MobileNetV2, EfficientNetB0) and 3 and 6 % less in bf16 (EfficientNetB0, DenseNet121).
"""
ALONE = (1,)
MANY = 32
"""Images that evaluation runs through the graph together."""


def knows_bf16() -> bool:
    """Tell whether this CPU calculates in bfloat16 by itself."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoGraph:
    """`Graph` on the CPU; one inference request per calling thread.

    Attributes:
        sizes: numbers of images that are run together, largest first; the last is 1.
    """

    def __init__(self, model: ov.Model, image: ImageSpec, options: dict[str, str | int], sizes: Sequence[int]) -> None:
        """Take a graph, how to compile it, and the batch sizes in use, largest first; the last is 1."""
        self._model, self._image, self._options, self.sizes = model, image, options, sizes
        self._compiled: dict[int, ov.CompiledModel] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    @classmethod
    def load(cls, bundle: Path, card: Card, *, threads: int = 0) -> "OpenVinoGraph":
        """Read and compile `model.onnx` of a bundle.

        Args:
            bundle: the bundle directory.
            card: its card; says the image size and the precision.
            threads: inferences that run side by side, each on one CPU thread; 0 gives all CPUs to one after the other.

        Raises:
            ContractError: if the graph cannot be read or its inputs and outputs are not those of the contract.
        """
        path = bundle / GRAPH_FILE
        if not path.is_file():
            raise ContractError(f"a bundle must hold {GRAPH_FILE}, but {bundle} does not; export the model again")
        precision = card.precision
        if precision == "bf16" and not knows_bf16():
            logger.warning("this CPU lacks bf16: f32 takes its place, and scores differ by up to about %g", BF16_TOLERANCE)
            precision = "f32"
        options: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": precision}
        if threads:
            options |= {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": "NO"}
        else:
            options["PERFORMANCE_HINT"] = "LATENCY"
        try:
            model = ov.Core().read_model(path)
            inputs, outputs = [sorted(port.get_names()) for port in model.inputs], [port.get_names() for port in model.outputs]
            if inputs != [[GRAPH_INPUT]] or not all(any(name in names for names in outputs) for name in GRAPH_OUTPUTS):
                raise ContractError(
                    f"the graph must take {GRAPH_INPUT!r} and give {GRAPH_OUTPUTS}, "
                    f"but {path} takes {inputs} and gives {[sorted(names) for names in outputs]}; export the model again"
                )
            port, wanted = model.input(GRAPH_INPUT), ov.PartialShape([-1, card.image.height, card.image.width, 3])
            if port.element_type != ov.Type.u8 or not port.partial_shape.compatible(wanted):
                raise ContractError(
                    f"the graph must take uint8 {wanted}, as the card says, but {path} takes {port.element_type} {port.partial_shape}; "
                    "export it again"
                )
            sizes = sizes_for(card.image, threads)
            graph = cls(model, card.image, options, sizes)
            for size in sizes if threads else (1,):
                graph._compile(size)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[-200:]
            raise ContractError(
                f"the graph must run at {card.image.height} x {card.image.width} x 3, but {path} does not ({reason}); export it again"
            ) from None
        return graph

    def run(self, batch: Batch, *, meanwhile: Meanwhile = nothing) -> GraphOutput:
        """Run the graph on uint8 RGB [N, H, W, 3]."""
        parts: list[GraphOutput] = []
        start = 0
        while start < len(batch):
            size = next(size for size in self.sizes if size <= len(batch) - start)
            parts.append(self._run(batch[start : start + size], nothing if parts else meanwhile))
            start += size
        return GraphOutput.join(parts)

    def _run(self, batch: Batch, meanwhile: Meanwhile) -> GraphOutput:
        own: dict[int, _Request] = self._local.__dict__.setdefault("requests", {})
        request = own.get(len(batch))
        if request is None:
            request = own[len(batch)] = _Request(self._compile(len(batch)))
        return request.run(batch, meanwhile)

    def _compile(self, size: int) -> ov.CompiledModel:
        """Return the graph for batches of a size; it is compiled the first time."""
        with self._lock:
            if size not in self._compiled:
                self._model.reshape({GRAPH_INPUT: ov.PartialShape([size, self._image.height, self._image.width, 3])})
                self._compiled[size] = ov.Core().compile_model(self._model, "CPU", self._options)
            return self._compiled[size]


class _Request:
    """An inference request with its memory: to hand over arrays each time takes 0.12 ms longer."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._input: Batch = self._request.get_tensor(GRAPH_INPUT).data
        self._outputs: list[Floats] = [self._request.get_tensor(name).data for name in GRAPH_OUTPUTS]

    def run(self, batch: Batch, meanwhile: Meanwhile) -> GraphOutput:
        self._input[:] = batch
        meanwhile()  # as late as that: another thread that wakes sooner takes the interpreter from this one, for 0.5 ms
        self._request.infer(share_outputs=True)
        return GraphOutput(*(output.astype(np.float32) for output in self._outputs))


def sizes_for(image: ImageSpec, threads: int) -> tuple[int, ...]:
    """Return the batch sizes in use, largest first. A service keeps few: each takes memory, of large images for every thread."""
    side = max(image.height, image.width)
    sizes = next((sizes for most, sizes in SIZES.items() if side <= most), ALONE)
    if not threads:
        return (MANY, *sizes)
    return ALONE if threads > 1 and side > min(SIZES) else sizes


def _conforms(graph: OpenVinoGraph) -> Graph:
    return graph
