"""A folder per class that also names the patient: in a folder within the class, or at the start of the file name."""

import re

from components.ingest.layouts.layout import Found, Tree, fits

_NAME = re.compile(r"(?P<patient>p(?:atient)?[-_]?\d+)[-_].+", re.IGNORECASE)
LEAST_PATIENTS = 3


class PatientFolders:
    """`<class>/<patient>/<image>`: fits when every class has at least three such folders; equal names are one patient."""

    name = "folder per class and patient"
    expects = "a folder per class and patient (<class>/<patient>/<image>.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read the folders; see `Layout.read`."""
        found = [tree.found(image, place[0], group=place[1]) for image, place in tree.places().items() if len(place) >= 3]
        patients: dict[str, set[str]] = {}
        for each in found:
            patients.setdefault(each.label, set()).add(each.group)
        enough = all(len(names) >= LEAST_PATIENTS for names in patients.values())
        return found if fits(len(found), len(tree.images)) and enough else None


class PatientNames:
    """`<class>/p07_012.png`: the name starts with `p` or `patient` and a number, the same number is the same patient."""

    name = "folder per class, patient in the name"
    expects = "a folder per class with the patient in the name (<class>/p07_012.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read folders and names; see `Layout.read`."""
        found = []
        named = 0
        for image, place in tree.places().items():
            match = _NAME.fullmatch(image.stem)
            named += match is not None
            if len(place) >= 2:
                found.append(tree.found(image, place[0], group=match["patient"].lower() if match else ""))
        return found if fits(len(found), len(tree.images)) and fits(named, len(tree.images)) else None
