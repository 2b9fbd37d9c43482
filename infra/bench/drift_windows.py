"""Windows for `make bench-drift`: a reference and a window drawn from the pools, as the monitor would meet them, and its judgement."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from drift_pools import CHANGED

from components.monitor.battery import run_detectors
from components.monitor.derived import derive
from components.monitor.pairs import vectors_of, width_of
from serving.contract import Card, Verdict
from serving.reference import knn_distance
from serving.verdict import judge

ALPHA = 0.01
REFERENCE = 1000
"""Images of a reference window; half as many where they come in groups."""
DEALINGS = 999
"""Of a window in the bench: ten times fewer than the monitor makes, as valid, a little less sure to see a drift."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """Answers to one condition's images.

    Attributes:
        table: derived columns, no groups.
        embedding: full width, float32 [n, D].
        calm: verdicts as if no image were far from the reference.
        patients, labels: of each image.
    """

    table: pa.Table
    embedding: npt.NDArray[np.float32]
    calm: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    labels: npt.NDArray[np.str_]

    @classmethod
    def of(cls, table: pa.Table, card: Card) -> "Pool":
        """Prepare a table of answers."""
        width = width_of(table.column("embedding"))
        embedding = vectors_of(table.column("embedding"), width)[0]
        calm = [judge(np.asarray(each, np.float32), 0.0, card)[0].value for each in table.column("probabilities").to_pylist()]
        names = [name.split("/") for name in table.column("request_id").to_pylist()]
        derived = derive(table, card.positive_index, width=width)
        return cls(derived, embedding, np.array(calm), np.array([name[1] for name in names]), np.array([name[0] for name in names]))


Draw = Callable[[np.random.Generator, Rows], tuple[Pool, Rows]]
"""Draws a window, given the rows of the reference."""


class Bench:
    """References drawn from the held-out pool, and windows compared with them."""

    def __init__(self, held_out: Pool, card: Card) -> None:
        self._held_out, self._card = held_out, card
        self._known = np.arange(len(held_out.calm) - CHANGED)  # the last ones are those that the changed pools show

    def chance(self, seed: int, draw: Draw, *, grouped: bool = False) -> float:
        """Judge one window against a reference of its own; returns the smallest corrected p-value of all detectors."""
        rng = np.random.default_rng([7, seed])
        held_out = self._held_out
        if grouped:
            order = rng.permutation(np.unique(held_out.patients))
            of_known = np.flatnonzero(np.isin(held_out.patients[self._known], order[: len(order) // 2]))
            reference = rng.choice(of_known, REFERENCE // 2, replace=False)
        else:
            reference = rng.choice(self._known, REFERENCE, replace=False)
        known = held_out.embedding[reference]
        names = held_out.patients[reference].tolist() if grouped else [str(row) for row in range(len(reference))]
        near = knn_distance(known, known, groups=names)
        limit = float(np.quantile(near, 1 - self._card.limits.false_alarm_rate))
        chosen, rows = draw(rng, reference)
        far = knn_distance(chosen.embedding[rows], known)
        before = _table(held_out, reference, near, limit, names if grouped else None)
        battery = run_detectors(before, _table(chosen, rows, far, limit, None), alpha=ALPHA, seed=seed, most=DEALINGS)
        return min(detector.corrected for detector in battery.detectors)

    def undrifted(self, size: int) -> Draw:
        """Draw a window of held-out images that the reference does not hold."""

        def draw(rng: np.random.Generator, reference: Rows) -> tuple[Pool, Rows]:
            free = np.setdiff1d(np.arange(len(self._held_out.calm)), reference)
            return self._held_out, rng.choice(free, size, replace=False)

        return draw

    def patients(self, size: int, each: int) -> Draw:
        """Draw a window of `each` images of patients that the reference does not hold."""

        def draw(rng: np.random.Generator, reference: Rows) -> tuple[Pool, Rows]:
            names = self._held_out.patients
            new = rng.permutation(np.setdiff1d(names, names[reference]))[: size // each]
            rows = [rng.choice(np.flatnonzero(names == name), each, replace=False) for name in new]
            return self._held_out, np.concatenate(rows)

        return draw

    def changed(self, pool: Pool, size: int, share: float) -> Draw:
        """Draw a window with a share of images from a changed pool, the others from the same images unchanged."""
        both = _joined(self._held_out, pool)

        def draw(rng: np.random.Generator, _: Rows) -> tuple[Pool, Rows]:
            scenes = rng.choice(CHANGED, size, replace=False)
            moved = np.arange(size) < round(share * size)
            return both, np.where(moved, len(self._held_out.calm), len(self._held_out.calm) - CHANGED) + scenes

        return draw

    def mixed(self, size: int, positive: float) -> Draw:
        """Draw a window with another share of malignant images."""

        def draw(rng: np.random.Generator, reference: Rows) -> tuple[Pool, Rows]:
            free = np.setdiff1d(np.arange(len(self._held_out.calm)), reference)
            malignant = self._held_out.labels[free] == "malignant"
            count = round(positive * size)
            rows = [rng.choice(free[malignant], count, replace=False), rng.choice(free[~malignant], size - count, replace=False)]
            return self._held_out, np.concatenate(rows)

        return draw


def _joined(first: Pool, second: Pool) -> Pool:
    return Pool(
        pa.concat_tables([first.table, second.table]),
        *(np.concatenate([getattr(each, name) for each in (first, second)]) for name in ("embedding", "calm", "patients", "labels")),
    )


def _table(pool: Pool, rows: Rows, distance: npt.NDArray[np.float32], limit: float, groups: list[str] | None) -> pa.Table:
    """Return rows of a pool with the distances, verdicts and groups that they have beside a reference."""
    table = pool.table.take(pa.array(rows))
    verdict = np.where(distance > limit, Verdict.OUT_OF_DISTRIBUTION.value, pool.calm[rows])
    columns = {
        "distance": pa.array(distance),
        "verdict": pa.array(verdict.tolist()),
        "group": pa.array(groups) if groups else pa.nulls(len(rows), pa.string()),
    }
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table
