"""A tiny real bundle: its graph answers by mean colour, so every score can be worked out by hand.

embedding = mean of (red, green, blue) / 255; logits = embedding @ WEIGHTS; activation = the same of each 8 x 8 tile.
"""

import io
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from serving.contract import PREDICTION_SCHEMA, Card, tree_digest
from serving.measure import properties

SIDE = 32
WEIGHTS = np.array([[-4.0, 4.0], [4.0, -4.0], [0.0, 0.0]], dtype=np.float32)  # red speaks for malignant, green for benign
THRESHOLD = 0.31
TEMPERATURE = 2.0


def plain(red: int, green: int, blue: int, *, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """One colour, uint8 [height, width, 3]."""
    return np.tile(np.array([red, green, blue], dtype=np.uint8), (height, width, 1))


def encode(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def expected(pixels: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    """Probabilities that the tiny graph gives, worked without it."""
    logits = (pixels.reshape(-1, 3).mean(axis=0) / 255.0) @ weights / TEMPERATURE
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def graph(weights: np.ndarray) -> onnx.ModelProto:
    classes = weights.shape[1]
    constants = {
        "scale": np.array(255.0, dtype=np.float32),
        "weights": weights.astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "scale"], ["unit"]),
        helper.make_node("ReduceMean", ["unit"], ["embedding"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["tiles"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Transpose", ["tiles"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["last", "weights"], ["activation"]),
    ]
    shapes = {"logits": ["N", classes], "embedding": ["N", 3], "activation": ["N", 4, 4, classes]}
    body = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def card(**changes) -> Card:
    values = {
        "name": "lobule-tiny",
        "recipe": "tiny",
        "classes": ("benign", "malignant"),
        "positive": "malignant",
        "image": {"height": SIDE, "width": SIDE, "fit": "stretch"},
        "temperature": TEMPERATURE,
        "operating_point": {"threshold": THRESHOLD, "target_sensitivity": 0.95, "sensitivity": 0.96, "specificity": 0.8},
        "limits": {"margin": 0.05, "min_confidence": 0.55, "out_of_distribution": 0.2, "false_alarm_rate": 0.01},
        "canary_scores": tuple(expected(canary())),
        "seed": 0,
        "dataset": "sha256:" + "a" * 64,
        "certificate": "sha256:" + "b" * 64,
        "recipe_digest": "sha256:" + "c" * 64,
        "code": "sha256:" + "d" * 64,
        "commit": "0123456",
        "leaking": False,
        "validation": {"auc": 0.9},
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Card.model_validate(values | changes)


def canary() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def references(count: int = 40, seed: int = 0) -> list[np.ndarray]:
    """Reddish to greenish images with little blue: anything blue is out of distribution."""
    random = np.random.default_rng(seed)
    return [plain(int(r), int(255 - r), 20) for r in random.integers(0, 256, count)]


def write_bundle(directory: Path, *, weights: np.ndarray = WEIGHTS, **changes) -> Path:
    """Write a whole bundle; `changes` replace fields of the card."""
    directory.mkdir(parents=True)
    onnx.save(graph(weights), directory / "model.onnx")
    Image.fromarray(canary()).save(directory / "canary.png")
    card(**({"canary_scores": tuple(expected(canary(), weights))} | changes)).write(directory)
    rows = []
    for index, pixels in enumerate(references()):
        scores = expected(pixels, weights)
        rows.append(
            {
                "time": None,
                "request_id": f"reference-{index}",
                "bundle": "",
                "verdict": "accept",
                "predicted_class": "malignant" if scores[1] >= THRESHOLD else "benign",
                "confidence": float(max(scores)),
                "distance": 0.0,
                "probabilities": scores.tolist(),
                "embedding": (pixels.reshape(-1, 3).mean(axis=0) / 255.0).tolist(),
                **{f"property_{name}": value for name, value in properties(pixels).items()},
            }
        )
    pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), directory / "reference.parquet")
    assert tree_digest(directory)
    return directory
