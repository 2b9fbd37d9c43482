from pathlib import Path

import pytest

from serving.settings import SETTINGS, ServiceSettings, SettingsError


def test_without_variables_the_defaults_hold():
    settings = ServiceSettings.read({})
    assert (settings.max_bytes, settings.max_images, settings.api_keys, settings.bundle) == (20 * 2**20, 16, (), None)


def test_variables_are_read_as_their_types():
    settings = ServiceSettings.read({"LOBULE_BUNDLE": "/b", "LOBULE_API_KEYS": "one, two,", "LOBULE_TIMEOUT": "2.5", "LOBULE_THREADS": "3"})
    assert (settings.bundle, settings.api_keys, settings.timeout, settings.threads) == (Path("/b"), ("one", "two"), 2.5, 3)


@pytest.mark.parametrize(("workers", "threads"), [("1", 4), ("2", 2), ("3", 1), ("9", 1)])
def test_workers_share_the_threads(workers, threads, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert ServiceSettings.read({"LOBULE_WORKERS": workers}).threads == threads
    assert ServiceSettings.read({"LOBULE_WORKERS": workers, "LOBULE_THREADS": "3"}).threads == 3


def test_an_empty_variable_is_an_unset_one():
    assert ServiceSettings.read({"LOBULE_MAX_IMAGES": " "}).max_images == 16


def test_the_prediction_log_can_be_switched_off():
    assert ServiceSettings.read({"LOBULE_PREDICTION_LOG": "none"}).prediction_log is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LOBULE_MAX_BYTES", "many"),
        ("LOBULE_MAX_IMAGES", "0"),
        ("LOBULE_TIMEOUT", "inf"),
        ("LOBULE_THREADS", "1.5"),
        ("LOBULE_TIMEOUT", "nan"),
        ("LOBULE_MLFLOW_URL", "javascript:alert(1)"),
        ("LOBULE_DRIFT_URL", "https://name:word@host/"),
        ("LOBULE_WORKERS", "9" * 300),
        ("LOBULE_POLL_SECONDS", "1" + "0" * 300),
        ("LOBULE_MAX_BYTES", "9" * 5000),
    ],
)
def test_a_value_out_of_range_is_told_by_its_name(name: str, text: str):
    with pytest.raises(SettingsError, match=f"{name} must be"):
        ServiceSettings.read({name: text})


def test_a_value_of_thousands_of_digits_is_told_in_one_short_line():
    with pytest.raises(SettingsError) as caught:
        ServiceSettings.read({"LOBULE_TIMEOUT": "9" * 5000})
    assert len(str(caught.value)) < 200


def test_keys_do_not_appear_when_the_settings_are_printed():
    given = dict.fromkeys(("LOBULE_API_KEYS", "LOBULE_SIGNING_KEY", "LOBULE_WEBHOOK_SECRET"), "secret")
    assert "secret" not in repr(ServiceSettings.read(given))


def test_every_setting_is_listed_with_a_meaning():
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS) >= 15
    assert all(setting.meaning and setting.name.startswith(("LOBULE_", "MLFLOW_")) for setting in SETTINGS)
