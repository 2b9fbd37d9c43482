"""What infra/README.md names is there."""

import re

import click
from manifests import INFRA, ROOT

from pipelines.cli.main import cli
from pipelines.placement import SECRET_KEYS

TEXT = (INFRA / "README.md").read_text()


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not (INFRA / link).exists()] == []


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", TEXT)) - targets == set()


def test_every_option_of_a_command_exists():
    commands = re.findall(r"`lobule (\w+) ([^`]+)`", TEXT)
    assert {name for name, _ in commands} >= {"submit", "run"}
    for name, rest in commands:
        command = cli.get_command(click.Context(cli), name)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[a-z-]+", rest)) - known == set(), name


def test_the_secret_of_pipelines_is_read_by_its_keys():
    (row,) = [line for line in TEXT.splitlines() if line.lstrip().startswith("| `lobule`")]
    assert set(re.findall(r"LOBULE_[A-Z_]+", row)) <= set(SECRET_KEYS)
