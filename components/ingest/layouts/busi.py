"""BUSI (Al-Dhabyani et al., Data in Brief 28 (2020) 104863): `<class>/<image>.png` with `<image>_mask.png` beside it."""

import re

from components.ingest.layouts.layout import Found, Tree, fits

_MASK = re.compile(r"(?P<image>.+)_mask(?:_\d+)?")


class Busi:
    """Class from the folder; `_mask`, `_mask_1`, ... files belong to their image and are no images. No patients are known."""

    name = "BUSI"
    expects = "BUSI (<class>/<image>.png with <image>_mask.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read folders and names; see `Layout.read`."""
        stems = {image.with_suffix("") for image in tree.images}
        masks: dict[str, list[str]] = {}
        for image in tree.images:
            match = _MASK.fullmatch(image.stem)
            if match and image.with_name(match["image"]) in stems:
                masks.setdefault((image.parent / match["image"]).as_posix(), []).append(image.as_posix())
        if not masks:
            return None
        attached = {mask for group in masks.values() for mask in group}
        found = [
            tree.found(image, place[0], masks=tuple(masks.get(image.with_suffix("").as_posix(), ())))
            for image, place in tree.places().items()
            if len(place) == 2 and image.as_posix() not in attached and not _MASK.fullmatch(image.stem)
        ]
        return found if fits(len(found) + len(attached), len(tree.images)) else None
