"""`lobule package`: the Bento of a model, which serves without registry and training code."""

import json
import shlex
from pathlib import Path

import click

from components.domain.settings import home, tracking_uri


@click.command("package")
@click.argument("model", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Directory that becomes the Bento.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the text.")
def command(model: str | None, output: Path | None, as_json: bool) -> int:
    """Build the Bento of MODEL: service, bundle and pinned requirements in one directory.

    MODEL is @champion (the default), NAME@ALIAS, NAME/VERSION, VERSION, or a bundle directory. The Bento holds no training
    code and needs no registry. It goes to LOBULE_HOME/bentos/NAME-VERSION unless -o names another directory.

    \b
    Examples:
      lobule package
      lobule package lobule-ultrasound/3 -o bento
      bentoml serve bento
      docker build -t lobule bento
    """
    from components.package.bento import package_bundle
    from serving.contract import tree_digest
    from serving.registry import resolve

    found = resolve(model, tracking_uri=tracking_uri(), cache=home() / "cache" / "bundles")
    digest = tree_digest(found.bundle)
    version = found.version or digest.removeprefix("sha256:")[:12]
    target = (output or home() / "bentos" / f"{found.name}-{version}").resolve()
    tag = package_bundle(found.bundle, target, name=found.name.lower(), version=version)
    if as_json:
        click.echo(json.dumps({"tag": tag, "path": str(target), "bundle": digest, "name": found.name, "version": found.version}, indent=2))
    else:
        where = shlex.quote(str(target))
        click.echo(
            f"Built {tag} in {target}\nMake an image of it with: docker build -t {tag} {where}\nServe it with: bentoml serve {where}"
        )
    return 0
