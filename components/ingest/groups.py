"""The unit of splitting: what patient, slide and near duplicates tie together, under a name that stays when images are added."""

from collections import Counter

import numpy as np

from components.ingest.duplicates import Pairs, clusters


def join_groups(known: list[str], ids: list[str], pairs: Pairs) -> list[str]:
    """Unite patient or slide groups with near-duplicate clusters: what is connected by either is one group.

    Args:
        known: patient or slide of each image, "" where unknown.
        ids: content id of each image; names a group where no patient does.
        pairs: near duplicates among the images.

    Returns:
        The group of each image: a patient's name; `<first patient>+<n>` where near duplicates connect n further patients;
        `near:<id>` for a cluster and `image:<id>` for a single image that nobody is known of.
    """
    component = _connected(known, pairs, len(ids))
    sizes = Counter(component)
    patients: dict[int, set[str]] = {}
    least: dict[int, str] = {}
    for number, name, content in zip(component, known, ids, strict=True):
        if name:
            patients.setdefault(number, set()).add(name)
        least[number] = min(content, least.get(number, content))
    names: dict[int, str] = {}
    for number, size in sizes.items():
        people = sorted(patients.get(number, ()))
        if people:
            names[number] = people[0] if len(people) == 1 else f"{people[0]}+{len(people) - 1}"
        else:
            names[number] = f"{'near' if size > 1 else 'image'}:{least[number][:16]}"
    return [names[number] for number in component]


def unite(names: list[str], groups: list[str]) -> list[str]:
    """Unite groups that share a name, such as a site: the first name of what hangs together, or the group where there is none."""
    first: dict[str, int] = {}
    same = [(first.setdefault(group, row), row) for row, group in enumerate(groups)]
    component = _connected(names, np.array(same, dtype=np.int64).reshape(-1, 2), len(names))
    least: dict[int, str] = {}
    for number, name in zip(component, names, strict=True):
        if name:
            least[number] = min(name, least.get(number, name))
    return [f"site:{least[number]}" if number in least else group for number, group in zip(component, groups, strict=True)]


def key_of(group: str) -> str:
    """Return what of a group's name stays when images join it: without the mark of its kind and the count of further patients."""
    kind, separator, content = group.partition(":")
    if separator and kind in ("near", "image"):
        return content
    head, _, count = group.rpartition("+")
    return head if head and count.isdigit() else group


def _connected(names: list[str], pairs: Pairs, count: int) -> list[int]:
    """Return the component of each row, tied by equal names ("" ties nothing) and by pairs."""
    first: dict[str, int] = {}
    same = [(first.setdefault(name, row), row) for row, name in enumerate(names) if name]
    edges = np.concatenate([pairs, np.array(same, dtype=np.int64).reshape(-1, 2)])
    return [int(number) for number in clusters(edges, count)]
