"""What KFP accepts at compile time and breaks at run time must not be in any component."""

import builtins
import dis
import importlib
import inspect
import typing
from pathlib import Path

import pytest
from kfp.dsl import Artifact, OutputPath, PipelineTaskFinalStatus
from kfp.dsl.base_component import BaseComponent

from components import images

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py"))


def components_of(folder):
    module = importlib.import_module(f"components.{folder}.component")
    return [value for value in vars(module).values() if isinstance(value, BaseComponent)]


ALL = {component.python_func.__name__: component for folder in FOLDERS for component in components_of(folder)}


def test_every_step_of_the_pipelines_has_its_component():
    from pipelines.steps import CLUSTER, MONITORING, STEPS

    assert sorted({*STEPS, *MONITORING, *CLUSTER}) == sorted(ALL)


@pytest.mark.parametrize("folder", FOLDERS)
def test_components_are_named_after_their_folder(folder):
    names = [component.python_func.__name__ for component in components_of(folder)]
    assert names[0] == folder
    assert [name for name in names if not name.startswith(folder)] == []
    assert importlib.import_module(f"components.{folder}.component").__doc__


@pytest.mark.parametrize("name", ALL)
def test_parameters_are_plain_types_artifacts_or_what_kfp_hands_to_an_exit_task(name):
    function = ALL[name].python_func
    assert function.__doc__
    hints = typing.get_type_hints(function, include_extras=True)
    for parameter, hint in hints.items():
        artifact = typing.get_origin(hint) is typing.Annotated and issubclass(typing.get_args(hint)[0], Artifact)
        plain = hint in (str, int, float, bool, type(None), PipelineTaskFinalStatus)
        written = isinstance(hint, OutputPath)
        assert artifact or plain or written, f"{name}({parameter}: {hint})"
        assert not (artifact and parameter == "return")


@pytest.mark.parametrize("name", ALL)
def test_defaults_are_literals(name):
    for parameter in inspect.signature(ALL[name].python_func).parameters.values():
        assert parameter.default is inspect.Parameter.empty or type(parameter.default) in (str, int, float, bool)


@pytest.mark.parametrize("name", ALL)
def test_the_body_uses_nothing_from_outside_itself(name):
    instructions = dis.get_instructions(ALL[name].python_func)
    loaded = {step.argval for step in instructions if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")}
    assert loaded - set(dir(builtins)) == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_source_has_no_postponed_annotations(folder):
    source = (ROOT / "components" / folder / "component.py").read_text()
    assert "from __future__" not in source


@pytest.mark.parametrize("name", ALL)
def test_the_image_is_pinned_and_installs_nothing_at_run_time(name):
    container = ALL[name].component_spec.implementation.container
    assert container.image in (images.TRAIN, images.SERVE)
    assert ":" in container.image
    assert "pip install" not in " ".join(map(str, container.command or []))


@pytest.mark.parametrize("name", ALL)
def test_the_code_digest_keys_the_cache(name):
    assert "code" in inspect.signature(ALL[name].python_func).parameters
