"""The reference window of a bundle, and how far an image lies from it.

The distance is the mean cosine distance to the k nearest reference embeddings (Sun et al., ICML 2022, use the k-th; the mean
of the nearest k is steadier with a few hundred references). Training uses the same function to choose the limit; there the
images of a patient are no neighbours of each other, because a new patient will have none of their own in the reference.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from serving.contract import REFERENCE_FILE, ContractError

NEIGHBOURS = 5
Floats = npt.NDArray[np.float32]


def normalise(embeddings: Floats) -> Floats:
    """Scale each row of [N, D] to length 1; a row of zeros stays zero."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    result: Floats = (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result


def knn_distance(
    embeddings: Floats, reference: Floats, k: int = NEIGHBOURS, *, groups: Sequence[str] | None = None, unit: bool = False
) -> Floats:
    """Measure how far embeddings lie from a reference.

    Args:
        embeddings: [N, D], of any length.
        reference: [R, D], of any length.
        k: neighbours to average over; fewer where the reference holds fewer.
        groups: of the rows, where row i of `embeddings` is row i of `reference`: rows of one group are not neighbours of each
            other. If all are of one group, each row stands for itself and only is not its own neighbour.
        unit: the rows of `reference` have length 1 (`normalise`) already; scaling thousands of them costs more than an inference.

    Returns:
        Mean cosine distance to the k nearest reference rows, or to all of them where fewer are allowed, float32 [N], in [0, 2].

    Raises:
        ContractError: if there is no neighbour to measure or the lengths disagree.
    """
    candidates = len(reference) - int(groups is not None)
    if k < 1 or candidates < 1:
        raise ContractError(f"a distance needs k >= 1 and a neighbour, but got k={k} and {candidates} candidates; add reference images")
    if embeddings.shape[1:] != reference.shape[1:] or (groups is not None and not len(groups) == len(embeddings) == len(reference)):
        raise ContractError(
            f"embeddings and reference must agree, but got {embeddings.shape} and {reference.shape}; package the model again"
        )
    k = min(k, candidates)
    queries, rows = normalise(embeddings), reference if unit else normalise(reference)
    codes = None if groups is None else _codes(groups)
    result = np.empty(len(queries), dtype=np.float32)
    for start in range(0, len(queries), 1024):
        similar = queries[start : start + 1024] @ rows.T
        if codes is not None:
            similar[codes[start : start + 1024, None] == codes] = -np.inf
        nearest = np.partition(similar, -k, axis=1)[:, -k:]
        mean = nearest.sum(axis=1) / np.float32(k) if codes is None else nearest.mean(axis=1, where=nearest != -np.inf)
        result[start : start + 1024] = np.minimum(np.maximum(1.0 - mean, 0.0), 2.0)
    return result


def _codes(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes if codes.max() > 0 else np.arange(len(codes))


def read_reference(bundle: Path) -> Floats:
    """Read the embeddings of a bundle's reference images, float32 [R, D].

    Raises:
        ContractError: if `reference.parquet` is missing, damaged or empty.
    """
    path = bundle / REFERENCE_FILE
    try:
        column = pq.read_table(path, columns=["embedding"]).column("embedding").to_pylist()
        embeddings = np.asarray(column, dtype=np.float32)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise ContractError(
            f"a bundle must hold {REFERENCE_FILE} with embeddings, but {path} is not that ({type(error).__name__}); package the model again"
        ) from None
    if embeddings.ndim != 2 or not len(embeddings):
        raise ContractError(f"{path} must hold one embedding per reference image, but holds {embeddings.shape}; package the model again")
    return embeddings
