"""The graph on OpenVINO: the fastest CPU runtime measured, which reads ONNX as it is.

The precision is always set: on a CPU that knows bfloat16, OpenVINO would otherwise choose it by itself, and scores would move by
up to 0.05. A batch of any size runs through one compiled graph; compiling a second one for single images gained 5 %
(DenseNet121, 224 x 224), which is not worth its memory.

A service answers several requests at once, and then one CPU thread for each costs less than all of them for one after the other:
10 % of the processor time of an f32 inference and 10 to 30 % in bf16 (EfficientNetB0 at 96, DenseNet121 at 224, two requests on two
cores). A lone request pays with the time that a second core would have saved it.
"""

import logging
import sys
import threading
from pathlib import Path

import numpy as np

from serving.contract import BF16_TOLERANCE, GRAPH_FILE, GRAPH_INPUT, GRAPH_OUTPUTS, Card, ContractError
from serving.runtime import Batch, Floats, Graph, GraphOutput

# Importing OpenVINO sends a usage event and leaves ~/intel/openvino_ga_cid. Where its telemetry cannot be imported it takes its own
# stub, which does nothing: a service calls nobody, and writes nothing but its log.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how Python marks a module that must not load
import openvino as ov  # noqa: E402

logger = logging.getLogger(__name__)


def knows_bf16() -> bool:
    """Tell whether this CPU calculates in bfloat16 by itself."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoGraph:
    """`Graph` on the CPU; one inference request per calling thread."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
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
        options |= {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads} if threads else {"PERFORMANCE_HINT": "LATENCY"}
        core = ov.Core()
        try:
            model = core.read_model(path)
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
            model.reshape({GRAPH_INPUT: wanted})
            return cls(core.compile_model(model, "CPU", options))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[-200:]
            raise ContractError(
                f"the graph must run at {card.image.height} x {card.image.width} x 3, but {path} does not ({reason}); export it again"
            ) from None

    def run(self, batch: Batch) -> GraphOutput:
        """Run the graph on uint8 RGB [N, H, W, 3]."""
        request: ov.InferRequest | None = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        request.infer({GRAPH_INPUT: np.ascontiguousarray(batch)}, share_inputs=True)
        return GraphOutput(*(self._copy(request, name) for name in GRAPH_OUTPUTS))

    @staticmethod
    def _copy(request: ov.InferRequest, name: str) -> Floats:
        return np.array(request.get_tensor(name).data, dtype=np.float32)


def _conforms(graph: OpenVinoGraph) -> Graph:
    return graph
