"""What KFP accepts at compile time and breaks at run time must not be in any component."""

import builtins
import dis
import importlib
import inspect
import typing
from pathlib import Path

import pytest
from kfp.dsl import Artifact, OutputPath
from kfp.dsl.base_component import BaseComponent

from components import images

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py"))


def components_of(name):
    module = importlib.import_module(f"components.{name}.component")
    found = [value for value in vars(module).values() if isinstance(value, BaseComponent)]
    return module, found


def test_every_step_of_the_pipelines_has_its_component():
    from pipelines.steps import MONITORING, STEPS

    assert sorted({*STEPS, *MONITORING}) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_holds_one_component_named_after_its_folder(name):
    module, found = components_of(name)
    assert [component.python_func.__name__ for component in found] == [name]
    assert module.__doc__
    assert found[0].python_func.__doc__


@pytest.mark.parametrize("name", MODULES)
def test_parameters_are_plain_types_or_artifacts(name):
    _, (component,) = components_of(name)
    hints = typing.get_type_hints(component.python_func, include_extras=True)
    for parameter, hint in hints.items():
        artifact = typing.get_origin(hint) is typing.Annotated and issubclass(typing.get_args(hint)[0], Artifact)
        plain = hint in (str, int, float, bool, type(None)) or (
            isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")
        )
        written = isinstance(hint, OutputPath)
        assert artifact or plain or written, f"{name}({parameter}: {hint})"
        assert not (artifact and parameter == "return")


@pytest.mark.parametrize("name", MODULES)
def test_defaults_are_literals(name):
    _, (component,) = components_of(name)
    for parameter in inspect.signature(component.python_func).parameters.values():
        assert parameter.default is inspect.Parameter.empty or type(parameter.default) in (str, int, float, bool)


@pytest.mark.parametrize("name", MODULES)
def test_the_body_uses_nothing_from_outside_itself(name):
    _, (component,) = components_of(name)
    loaded = {
        step.argval for step in dis.get_instructions(component.python_func) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")
    }
    assert loaded - set(dir(builtins)) == set()


@pytest.mark.parametrize("name", MODULES)
def test_the_source_has_no_postponed_annotations(name):
    source = (ROOT / "components" / name / "component.py").read_text()
    assert "from __future__" not in source


@pytest.mark.parametrize("name", MODULES)
def test_the_image_is_pinned_and_installs_nothing_at_run_time(name):
    _, (component,) = components_of(name)
    container = component.component_spec.implementation.container
    assert container.image in (images.TRAIN, images.SERVE)
    assert ":" in container.image
    assert "pip install" not in " ".join(map(str, container.command or []))


@pytest.mark.parametrize("name", MODULES)
def test_the_code_digest_keys_the_cache(name):
    _, (component,) = components_of(name)
    assert "code" in inspect.signature(component.python_func).parameters
