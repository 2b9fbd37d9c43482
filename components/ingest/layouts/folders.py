"""The plainest layout: a folder per class (`benign/`, `malignant/`; `B/`, `M/`)."""

from components.ingest.layouts.layout import Found, Tree, fits


class ClassFolders:
    """Class from the outermost folder that does not hold everything; nothing says the patient."""

    name = "folder per class"
    expects = "a folder per class (benign/*.png, malignant/*.png)"

    def read(self, tree: Tree) -> list[Found] | None:
        """Read the folders; see `Layout.read`."""
        found = [tree.found(image, place[0]) for image, place in tree.places().items() if len(place) >= 2]
        return found if fits(len(found), len(tree.images)) else None
