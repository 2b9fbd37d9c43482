"""Labels that arrive later: which rows count, and what the others are called."""

import pytest

from components.domain.errors import InputError
from components.monitor.labels import read_labels

CLASSES = ("benign", "malignant")


def table(tmp_path, *rows: str, header: str = "request_id,label"):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_labels_are_read_by_request_id_with_their_groups(tmp_path):
    labels = read_labels(table(tmp_path, "a,benign,p1", " b , malignant ,", header="request_id,label,group"), CLASSES)
    assert (labels.truths, labels.groups, labels.sentences()) == ({"a": "benign", "b": "malignant"}, {"a": "p1"}, [])


def test_every_row_that_cannot_be_used_is_counted_and_named(tmp_path):
    rows = ["a,benign", "a,benign", "b,benign", "b,malignant", "c,unclear", "d,", ",benign", "e,malignant"]
    labels = read_labels(table(tmp_path, *rows), CLASSES)
    assert labels.truths == {"a": "benign", "e": "malignant"}
    assert (labels.rows, labels.repeated, labels.contradicting, labels.incomplete) == (8, 1, ("b",), (7, 8))
    assert labels.sentences() == [
        "1 rows of the labels say again what others said and count once",
        "1 request ids have contradicting rows and are left out: b",
        '1 labels name no class of the model and are left out: line 6: "unclear"',
        "2 rows of the labels lack a request id or a label and are left out: line 7, 8",
    ]


def test_a_spreadsheet_with_a_byte_order_mark_and_other_columns_is_read(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("\ufeffname,request_id,label\nx,a,benign\n".encode())
    assert read_labels(path, CLASSES).truths == {"a": "benign"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"request_id,truth\na,benign\n", "columns request_id and label, but .* has request_id, truth; add label"),
        (b"", "has none; add request_id"),
        (b"request_id,label\na,unclear\n", 'none of the 1 rows of .* has \\(first line 2: "unclear"\\)'),
        (b"\xff\xfe\x00", "must be a CSV file in UTF-8"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as refused:
        read_labels(path, CLASSES)
    assert "\n" not in str(refused.value)
