"""From what a user typed to a run that can start, or go on: everything that can be refused is refused here, before any step."""

import dataclasses
from pathlib import Path

from components.domain.auto import NAME as AUTO
from components.domain.auto import require_settings
from components.domain.errors import InputError, RefusedError
from components.domain.recipe import Recipe
from components.domain.recipe_parts import part_json
from components.domain.search_space import require_backbones
from components.domain.settings import actor, home, tracking_uri
from components.ingest.source import lasting, open_source, source_version
from components.promote.policy import Policy, policy_text
from components.tracking.store import require_server
from pipelines.choose import choose_recipe, first_weights, named_recipe, require_weights
from pipelines.cli.options import all_settings, load_recipe
from pipelines.runspec import RunSpec, new_name
from pipelines.version import code_digest, git_commit


def new_run(
    recipe: str | None,
    source: str | None,
    *,
    weights: str | None,
    trials: int | None,
    seeds: int | None,
    settings: tuple[str, ...],
    caching: bool,
    promote: bool,
    allow_leakage: bool,
    workers: int = 1,
    on: str = "process",
) -> RunSpec:
    """Return the specification of a new run.

    Args:
        recipe: preset or `auto`; None takes `auto` for data or weights of the user's own, and the quickstart without.
        source: where the images are; None takes the histology sample.
        weights: first weights; None takes what the recipe usually starts from.
        trials: of the study, instead of the recipe's.
        seeds: how many final models, instead of the recipe's.
        settings: `key=value` texts that change the recipe.
        caching: reuse finished steps.
        promote: make the model champion if the gate says so.
        allow_leakage: split by image, marked for good.
        workers: processes that share the study.
        on: `process` or `docker`: what each step runs in.

    Raises:
        InputError: for anything that cannot be run.
    """
    _require_stores_and(on)
    name = named_recipe(recipe, source, weights)
    source = source or "sample:histology"
    if name == AUTO:
        given = all_settings(settings, trials=trials, seeds=seeds, fixed=("name",))
        require_settings(given)
        decided = choose_recipe(open_source(source, cache=home() / "cache"), weights=weights, given=given)
        chosen, weights, choices = decided.recipe, decided.weights, decided.to_json()
    else:
        chosen, choices = load_recipe(name, settings, trials=trials, seeds=seeds), ""
    spec = specify(chosen, source, weights=first_weights(chosen, weights), caching=caching, promote=promote, allow_leakage=allow_leakage)
    return dataclasses.replace(spec, arguments={**spec.arguments, "workers": workers, "choices": choices}, on=on)


def specify(
    recipe: Recipe, source: str, *, weights: str, caching: bool = True, promote: bool = False, allow_leakage: bool = False
) -> RunSpec:
    """Return the specification of a new run of a recipe; arguments as of `new_run`.

    Raises:
        InputError: if the source or the weights cannot be used.
    """
    root = open_source(source, cache=home() / "cache")
    require_backbones(recipe, weights)
    require_weights(weights, recipe)
    name = new_name(recipe.name)
    return RunSpec(
        name=name,
        arguments={
            "source": lasting(source),
            "source_version": source_version(root),
            "recipe": recipe.to_json(),
            "ingest_recipe": part_json(recipe, "ingest"),
            "augment_recipe": part_json(recipe, "augment"),
            "weights": str(Path(weights).resolve()) if Path(weights).is_file() else weights,
            "model": recipe.model_name,
            "policy": Policy.from_toml(policy_text()).to_json(),
            "run": name,
            "code": code_digest(),
            "commit": git_commit(),
            "actor": actor(),
            "apply": promote,
            "allow_leakage": allow_leakage,
        },
        caching=caching,
    )


def resumed_run(name: str, *, caching: bool, promote: bool, workers: int | None = None) -> RunSpec:
    """Return the specification of an earlier run, to go on with it.

    Args:
        name: of the run.
        caching: reuse finished steps.
        promote: make the model champion after all, if the gate says so.
        workers: processes that share the study; None takes as many as before.

    Raises:
        InputError: if there is none of that name, or it ran in containers and the engine or the image is not there.
        RefusedError: if the code or the images are no longer those that it was started with.
    """
    spec = RunSpec.read(name)
    _require_stores_and(spec.on)
    now = {"code": code_digest(), "source_version": source_version(open_source(str(spec.arguments["source"]), cache=home() / "cache"))}
    for key, what in (("code", "the code"), ("source_version", "the files of the source")):
        if spec.arguments[key] != now[key]:
            raise RefusedError(f"a run goes on with what it was started with, but {what} changed since {name} began; start a new run")
    arguments = {**spec.arguments, "actor": actor(), "apply": bool(spec.arguments["apply"]) or promote}
    if workers is not None:
        arguments["workers"] = workers
    return dataclasses.replace(spec, arguments=arguments, caching=spec.caching and caching)


def _require_stores_and(on: str) -> None:
    require_server(tracking_uri())
    if on == "docker":
        from pipelines.containers import require_image

        require_image()


def require_fresh(**given: object) -> None:
    """Check that nothing which decides a run is given beside `--resume`.

    Raises:
        InputError: naming the first option that is.
    """
    for option, value in given.items():
        if value:
            raise InputError(
                f"--resume continues a run as it was started, but --{option.replace('_', '-')} was given; leave it out or start anew"
            )
