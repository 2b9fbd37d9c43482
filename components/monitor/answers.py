"""All answers of a window, without embeddings: who asked, what the model said, and of which request. For performance, not for drift.

Drift compares a sample of the window; a label may come for any of its images, so here every row is read, five short columns of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.domain.metrics import Floats, Ints
from components.monitor.rows import UNREADABLE, find_rows
from serving.contract import PREDICTION_SCHEMA, read_predictions

_COLUMNS = ("request_id", "probabilities", "predicted_class")


@dataclass(frozen=True)
class Answers:
    """What a model answered in a window, N images in the order of the log.

    Attributes:
        requests: id of the request that each image came with, length N.
        probabilities: calibrated, float64 [N, K], in the card's order of classes.
        predicted: class index at the operating point, int64 [N].
        unusable: further rows whose probabilities or class are missing or no classes of the model.
    """

    requests: list[str]
    probabilities: Floats
    predicted: Ints
    unusable: int = 0

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def shared(self) -> frozenset[str]:
        """Request ids that brought several images (a batch): a label by request id does not say which of them it is of."""
        return frozenset(request for request, count in Counter(self.requests).items() if count > 1)


def read_answers(
    log: Path,
    bundle: str,
    classes: Sequence[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
) -> Answers:
    """Read one bundle's answers with `since <= time < until`; the same rows that `components.monitor.window.read_window` counts.

    Args:
        log: directory of the prediction log; a missing one holds no rows.
        bundle: digest of the bundle.
        classes: of the model's card.
        since: first moment, with a time zone; None is the beginning of the log.
        until: moment after the last; None is its end.
        now: rows dated later have a wrong clock; None is now.
    """
    schema = pa.schema([PREDICTION_SCHEMA.field(name) for name in _COLUMNS])
    parts = [schema.empty_table()]
    for path, rows in find_rows(log, bundle, since=since, until=until, now=now or datetime.now(UTC)).files:
        try:
            parts.append(read_predictions(path, _COLUMNS).take(pa.array(rows)))
        except UNREADABLE:  # its other columns are damaged; `read_window` reports the file
            continue
    table = pa.concat_tables(parts)
    known = pc.is_in(table["predicted_class"], pa.array(list(classes), pa.string()))
    whole = pc.fill_null(pc.equal(pc.list_value_length(table["probabilities"]), len(classes)), False)
    usable = table.filter(pc.and_(known, whole))
    flat = pc.list_flatten(usable["probabilities"]).to_numpy().astype(np.float64)
    probabilities = flat.reshape(-1, len(classes))
    finite = np.isfinite(probabilities).all(axis=1)
    places = pc.index_in(usable["predicted_class"], pa.array(list(classes), pa.string())).to_numpy().astype(np.int64)
    requests = [request or "" for request in usable["request_id"].to_pylist()]
    kept = np.flatnonzero(finite)
    return Answers([requests[row] for row in kept], probabilities[kept], places[kept], table.num_rows - len(kept))
