"""The truth that arrives later: a table of request ids and labels, checked row by row; what cannot be used is counted and named."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.domain.errors import InputError

_NAMED = 3
"""Examples that a sentence names."""


@dataclass(frozen=True)
class Labels:
    """Labels by request id.

    Attributes:
        truths: class name by request id.
        groups: patient, slide or case by request id, where the table names one: images of one group are not independent.
        rows: of the table, without its header.
        repeated: rows that say again what an earlier one said; they count once.
        contradicting: request ids with more than one label or group; none of theirs is used.
        unknown_classes: `line 7: "unclear"` for each row whose label the model does not know.
        incomplete: lines without a request id or a label.
    """

    truths: dict[str, str]
    groups: dict[str, str]
    rows: int
    repeated: int = 0
    contradicting: tuple[str, ...] = ()
    unknown_classes: tuple[str, ...] = ()
    incomplete: tuple[int, ...] = ()

    def sentences(self) -> list[str]:
        """Say what was not used, one sentence a reason."""
        said = [f"{self.repeated:,} rows of the labels say again what others said and count once"] if self.repeated else []
        reasons = (
            ("request ids have contradicting rows and are left out", self.contradicting),
            ("labels name no class of the model and are left out", self.unknown_classes),
            ("rows of the labels lack a request id or a label and are left out: line", tuple(map(str, self.incomplete))),
        )
        return said + [named(f"{len(found):,} {text}", found) for text, found in reasons if found]


def named(text: str, found: Sequence[str]) -> str:
    """Return a text with the first few of what it is about."""
    more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return f"{text} {', '.join(found[:_NAMED])}{more}" if text.endswith("line") else f"{text}: {', '.join(found[:_NAMED])}{more}"


def read_labels(path: Path, classes: Sequence[str]) -> Labels:
    """Read a CSV file with the columns `request_id` and `label`, and `group` if there is one.

    Args:
        path: UTF-8, with a header; further columns are ignored.
        classes: names that the model knows.

    Raises:
        InputError: if it cannot be read, lacks a column, or holds no usable row.
    """
    truths: dict[str, str] = {}
    groups: dict[str, str] = {}
    contradicting: dict[str, None] = {}
    unknown, incomplete = [], []
    rows = repeated = 0
    for line, row in _rows(path):
        rows += 1
        request, label, group = ((row.get(name) or "").strip() for name in ("request_id", "label", "group"))
        if not request or not label:
            incomplete.append(line)
        elif label not in classes:
            unknown.append(f'line {line}: "{label[:40]}"')
        elif request not in truths:
            truths[request] = label
            groups |= {request: group} if group else {}
        elif (truths[request], groups.get(request, "")) == (label, group):
            repeated += 1
        else:
            contradicting[request] = None
    for request in contradicting:
        del truths[request]
        groups.pop(request, None)
    if not truths:
        raise InputError(
            f"labels must have a row with a request id and one of the classes {', '.join(classes)}, but none of the {rows} rows of {path} "
            f"has{f' (first {unknown[0]})' if unknown else ''}; write for example 4f1c...,{classes[0]} under request_id,label"
        )
    return Labels(truths, groups, rows, repeated, tuple(contradicting), tuple(unknown), tuple(incomplete))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            columns = [name.strip() for name in reader.fieldnames or []]
            for name in ("request_id", "label"):
                if name not in columns:
                    raise InputError(
                        f"labels must have the columns request_id and label, but {path} has {', '.join(columns) or 'none'}; add {name}"
                    )
            reader.fieldnames = columns
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"labels must be a CSV file in UTF-8, but {path} is not one ({reason}); save it as CSV") from None
