"""What a Bento needs installed: the lock of the serving image where there is one, else what is installed here, pinned."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path("infra") / "serve.lock"
"""Written with hashes by the makers of the serving image; relative to the root of the code."""


def serving_requirements(root: Path) -> str:
    """Return the requirements of the service, one pinned package (with its hashes, from the lock) an entry.

    Args:
        root: directory that holds `serving` and, in a checkout, the lock.
    """
    lock = root / LOCK
    return lock.read_text(encoding="utf-8") if lock.is_file() else "".join(f"{line}\n" for line in installed_closure("lobule", "serve"))


def installed_closure(distribution: str, extra: str) -> list[str]:
    """Return `name==version` of everything that an extra of an installed distribution needs, sorted, as installed here.

    Packages that an environment marker rules out, or that are not installed, are left out.
    """
    pins: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(distribution, extra)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name != distribution:
            pins[name] = found.version
        for text in found.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                key = str(canonicalize_name(requirement.name))
                waiting += [(key, ""), *((key, part) for part in requirement.extras)]
    return [f"{name}=={version}" for name, version in sorted(pins.items())]
