"""Where the champion's second scoring comes from: the challenger's data where it lies, else what was kept of it with the run.

The data set lies where the challenger was trained; whoever asks the gate elsewhere finds the scores in `FILE` at the root of the
challenger's run, as long as the champion is still the one that was scored.
"""

import json
import logging
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.domain.certificate import CERTIFICATE_FILE
from components.domain.metrics import Scored
from components.domain.predictions import Predictions
from components.promote.again import score_again
from components.promote.evidence import Read
from components.promote.pairing import Again
from serving.registry import Location, RegistryError, fetch

logger = logging.getLogger(__name__)
FILE = "champion_again.parquet"
_COUNTS = ("dropped_images", "dropped_groups", "unsized", "unknown")


def champion_again(
    challenger: ModelVersion, champion: ModelVersion, ours: Read, theirs: Read, *, dataset: Path | None, cache: Path
) -> Again | str:
    """Return the champion's scores on the challenger's test images, or why there are none.

    Args:
        challenger: registered version; its run keeps the scores.
        champion: registered version.
        ours: the evidence about the challenger.
        theirs: the evidence about the champion.
        dataset: the challenger's data set; None looks where its run says it lay.
        cache: directory in which bundles are kept.
    """
    found = _score(champion, ours, theirs, dataset=dataset or _place_of_data(challenger.run_id), cache=cache)
    if isinstance(found, Again):
        _keep(challenger.run_id, found, theirs, ours)
        return found
    return _kept(challenger.run_id, theirs, ours) or found


def _score(champion: ModelVersion, ours: Read, theirs: Read, *, dataset: Path | None, cache: Path) -> Again | str:
    if dataset is None or not (dataset / CERTIFICATE_FILE).is_file():
        where = f"{dataset}, which is not on this machine" if dataset else "a place that its run does not name"
        return f"its data lies in {where}; ask where it was trained, by `lobule run --resume RUN`"
    place = Location(champion.name, str(champion.version), None)
    try:
        bundle = fetch(place, tracking_uri=mlflow.get_tracking_uri(), cache=cache)
    except RegistryError as error:
        return str(error)
    return score_again(bundle, dataset, ours.evidence.report.certificate, seen=theirs.rows)


def _place_of_data(run_id: str) -> Path | None:
    for found in mlflow.get_run(run_id).inputs.dataset_inputs:
        uri = str(json.loads(found.dataset.source).get("uri", ""))
        if urlparse(uri).scheme in ("", "file"):
            return Path(unquote(urlparse(uri).path))
    return None


def _facts(theirs: Read, ours: Read) -> dict[str, str]:
    return {"champion": theirs.evidence.report.bundle, "test": ours.evidence.report.test}


def _keep(run_id: str, again: Again, theirs: Read, ours: Read) -> None:
    scored = again.predictions.scored
    counts = {name: str(getattr(again, name)) for name in _COUNTS}
    table = pa.table(
        {
            "id": again.predictions.ids,
            "group": again.predictions.groups,
            "label": scored.labels,
            "predicted": scored.predicted,
            "probabilities": scored.probabilities.tolist(),
        }
    ).replace_schema_metadata({**_facts(theirs, ours), **counts, "positive": str(scored.positive)})
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, Path(folder) / FILE)
        mlflow.log_artifact(str(Path(folder) / FILE), run_id=run_id)


def _kept(run_id: str, theirs: Read, ours: Read) -> Again | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            table = pq.read_table(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=FILE, dst_path=folder))
        except (MlflowException, OSError, pa.ArrowException):
            return None
    facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if any(facts.get(name) != value for name, value in _facts(theirs, ours).items()):
        return None
    scored = Scored(
        np.array(table.column("label").to_pylist(), dtype=np.int64),
        np.array(table.column("probabilities").to_pylist(), dtype=np.float64),
        np.array(table.column("predicted").to_pylist(), dtype=np.int64),
        int(facts["positive"]),
    )
    predictions = Predictions(table.column("id").to_pylist(), table.column("group").to_pylist(), scored)
    return Again(predictions, **{name: int(facts[name]) for name in _COUNTS})
