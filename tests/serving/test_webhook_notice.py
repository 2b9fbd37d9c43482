import json

import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from serving.http_errors import ApiError
from serving.webhook import check_notice

NOW = 1_800_000_000.0
BODY = json.dumps({"entity": "model_version_alias", "action": "created", "data": {"name": "m", "alias": "champion", "version": "2"}})


def headers(body: str = BODY, *, secret: str = "secret", age: float = 0, **changes: str) -> dict[str, str]:
    """Headers as MLflow itself makes them."""
    stamp = str(int(NOW - age))
    signature = _generate_hmac_signature(secret, "delivery", stamp, body)
    return {"x-mlflow-signature": signature, "x-mlflow-timestamp": stamp, "x-mlflow-delivery-id": "delivery"} | changes


def test_a_notice_that_mlflow_signed_is_heard():
    assert check_notice(BODY.encode(), headers(), secret="secret", now=NOW)


def test_a_notice_of_something_else_is_ignored():
    body = json.dumps({"entity": "registered_model", "action": "created", "data": {}})
    assert not check_notice(body.encode(), headers(body), secret="secret", now=NOW)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no signature"),
        pytest.param(headers(secret="another"), id="another secret"),
        pytest.param(headers(BODY + " "), id="another body"),
        pytest.param(headers(**{"x-mlflow-timestamp": "1800000001"}), id="another time than was signed"),
        pytest.param(headers(**{"x-mlflow-delivery-id": "other"}), id="another delivery than was signed"),
        pytest.param(headers(**{"x-mlflow-signature": "v1,\u00ff"}), id="a signature of no alphabet"),
        pytest.param(headers(age=301), id="older than five minutes"),
        pytest.param(headers(age=-301), id="from the future"),
    ],
)
def test_a_notice_that_is_not_signed_or_not_from_now_is_refused(given: dict[str, str]):
    with pytest.raises(ApiError) as caught:
        check_notice(BODY.encode(), given, secret="secret", now=NOW)
    assert caught.value.status == 401


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '"x"', "[" * 50_000])
def test_a_signed_body_that_is_no_notice_is_told(body: str):
    with pytest.raises(ApiError) as caught:
        check_notice(body.encode(), headers(body), secret="secret", now=NOW)
    assert caught.value.status == 400
