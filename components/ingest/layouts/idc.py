"""IDC patches (Cruz-Roa et al., SPIE 2014; Janowczyk and Madabhushi, JPI 2016): `<slide>/<0|1>/<patch>`, 1 is IDC positive."""

import re

from components.ingest.layouts.layout import SPLIT_FOLDERS, Found, Tree, fits

_PLACE = re.compile(r".*_x(?P<x>\d+)_y(?P<y>\d+)_class[01]\.\w+", re.IGNORECASE)


class Idc:
    """Class from the folder `0` or `1`, slide from the folder around it; a slide has patches of both classes.

    Where on the slide a patch lies (`<slide>_idx5_x1001_y1301_class0.png`) is kept as the slices x and y.
    """

    name = "IDC"
    expects = "IDC patches (<slide>/<0|1>/<patch>.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read the folders; see `Layout.read`."""
        found = [
            tree.found(image, image.parts[-2], group=image.parts[-3], slices=_place(image.name))
            for image in tree.images
            if len(image.parts) >= 3 and image.parts[-2] in ("0", "1") and image.parts[-3].lower() not in SPLIT_FOLDERS
        ]
        slides = {each.group for each in found}
        return found if fits(len(found), len(tree.images)) and len(slides) > 1 else None


def _place(name: str) -> tuple[tuple[str, str], ...]:
    match = _PLACE.fullmatch(name)
    return (("x", match["x"]), ("y", match["y"])) if match else ()
