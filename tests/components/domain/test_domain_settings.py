"""What settings say: who acts, and addresses without what only their owner may know."""

import pytest

from components.domain.settings import account, actor, redacted


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://bob:s3cret@mlflow:5000", "http://mlflow:5000"),
        ("https://token@mlflow.example/path", "https://mlflow.example/path"),
        ("postgresql+psycopg://bob:p@ss/w0rd@db:5432/mlflow", "postgresql+psycopg://db:5432/mlflow"),
        ("postgresql://db/mlflow?user=bob&password=s3cret&sslmode=require", "postgresql://db/mlflow?user=bob&password=***&sslmode=require"),
        ("request to http://a:b@c/d failed, and http://e:f@g/h", "request to http://c/d failed, and http://g/h"),
        ("http://mlflow:5000/#/runs/a@b", "http://mlflow:5000/#/runs/a@b"),
        ("http://mlflow/a@b", "http://mlflow/a@b"),
        ("sqlite:////home/bob/.lobule/mlflow.db", "sqlite:////home/bob/.lobule/mlflow.db"),
        ("bogus", "bogus"),
    ],
)
def test_an_address_is_shown_without_credentials(uri, shown):
    assert redacted(uri) == shown


def test_the_actor_is_the_one_named_and_else_the_login_name(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    monkeypatch.delenv("LOBULE_ACTOR", raising=False)
    assert actor() == "ann"
    monkeypatch.setenv("LOBULE_ACTOR", " dr-lee ")
    assert actor() == "dr-lee"
    assert account().startswith("ann@") and len(account()) > len("ann@")
