"""A worker of a scan: `python -m components.ingest.worker [FILE HEIGHT WIDTH FIT]`, a chunk a line in, its answer a line out.

It ends when its input ends: a killed parent cannot tell it to stop, but the pipe closes with it. Ctrl-C and warnings about odd metadata
are the parent's, which tells the user once.
"""

import os
import signal
import sys


def main() -> None:
    """Answer chunks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import json
    import warnings
    from pathlib import Path
    from typing import NamedTuple

    from components.ingest.allocator import keep_freed_memory
    from components.ingest.look import Looker, Storage

    class Size(NamedTuple):  # `ImageSpec` would bring pydantic
        height: int
        width: int
        fit: str

    warnings.simplefilter("ignore")
    keep_freed_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints is no answer
    file, *size = sys.argv[1:] or [""]
    storage = Storage(Path(file), Size(int(size[0]), int(size[1]), size[2])) if file else None
    looker = Looker(storage)
    for line in sys.stdin:
        try:
            answers.write(looker.look(json.loads(line)))
            answers.flush()
        except BrokenPipeError:  # nobody listens any more
            os._exit(1)


if __name__ == "__main__":
    main()
