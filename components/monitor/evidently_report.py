"""The Evidently report of a window: the distributions behind the verdict, column by column, on one page that works offline.

Evidently shows, our detectors decide: its test of a column is handed our corrected p-value and our alpha, so that the page
cannot pass what the verdict fails. The embedding and the verdict of all detectors together are metrics of our own
(`components.monitor.evidently_metrics`).

Importing Evidently takes seconds, so this module does it only when it is asked for a report.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from components.monitor.verdict import Detector

if TYPE_CHECKING:
    import pandas as pd

METHOD = "lobule_permutation"
"""Name under which our test is known to Evidently."""


def report_html(reference: pa.Table, current: pa.Table, detectors: tuple[Detector, ...], *, alpha: float) -> str:
    """Return Evidently's page over the columns of the detectors, in their order.

    Args:
        reference: columns `PREDICTION_SCHEMA`.
        current: the same.
        detectors: what was found; columns that no detector watched (constant or without
            values, which Evidently refuses) do not appear.
        alpha: a corrected p-value up to it is drift.

    Returns:
        A whole HTML document that loads nothing.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    from components.monitor.evidently_metrics import detector_metrics

    shown = [detector for detector in detectors if detector.kind != "embedding"]
    _register(detectors, alpha)
    definition = DataDefinition(
        numerical_columns=[detector.name for detector in shown if detector.kind == "number"],
        categorical_columns=[detector.name for detector in shown if detector.kind == "category"],
    )
    now, before = (
        Dataset.from_pandas(_frame(table, shown), data_definition=definition)
        for table in (current, reference)  # Evidently takes the current window first
    )
    columns = [ValueDrift(column=detector.name, method=METHOD, threshold=alpha) for detector in shown]
    report = Report([*detector_metrics(detectors, alpha), *columns], include_tests=True)
    return str(report.run(now, before).get_html_str(as_iframe=False))


def _frame(table: pa.Table, detectors: Sequence[Detector]) -> "pd.DataFrame":
    import pandas as pd

    columns = {}
    for detector in detectors:
        values = table.column(detector.name).to_pandas()
        columns[detector.name] = values.astype("float64") if detector.kind == "number" else values.astype("str").where(values.notna())
    return pd.DataFrame(columns)


def _register(detectors: Sequence[Detector], alpha: float) -> None:
    """Make our corrected p-values known to Evidently as a test of its own; they are looked up by column name."""
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    corrected = {detector.name: detector.corrected for detector in detectors}

    def look_up(_reference: "pd.Series", current: "pd.Series", _kind: object, threshold: float) -> tuple[float, bool]:
        p_value = corrected[str(current.name)]
        return p_value, p_value <= threshold

    test = StatTest(
        name=METHOD,
        display_name=f"permutation test, p-value corrected for {len(detectors)} detectors",
        allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
        default_threshold=alpha,
    )
    register_stattest(test, look_up)
