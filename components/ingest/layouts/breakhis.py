"""BreakHis (Spanhol et al., TBME 2016): the file name says everything, whatever folder it lies in.

`SOB_M_DC-14-2523-40-010.png` is malignant, ductal carcinoma, patient 14-2523, magnification 40, tenth picture.
"""

import re

from components.ingest.layouts.layout import Found, Tree, fits

_NAME = re.compile(r"SOB_(?P<label>[BM])_(?P<subtype>[A-Z]+)-(?P<patient>\d+-[0-9A-Z]+)-(?P<magnification>\d+)-\d+", re.IGNORECASE)
_LABELS = {"B": "benign", "M": "malignant"}


class BreakHis:
    """Class and patient from `SOB_*` names; a patient's pictures at all magnifications are one group. Slices: subtype, magnification."""

    name = "BreakHis"
    expects = "BreakHis file names (SOB_M_DC-14-2523-40-010.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read the names; see `Layout.read`."""
        matches = ((image, _NAME.match(image.name)) for image in tree.images)
        found = [
            tree.found(
                image,
                _LABELS[match["label"].upper()],
                group=match["patient"].upper(),
                slices=(("magnification", match["magnification"]), ("subtype", match["subtype"].upper())),
            )
            for image, match in matches
            if match
        ]
        return found if fits(len(found), len(tree.images)) else None
