"""What side each image had before: so that an image never changes side when others are added to its source.

One small Parquet file for each protocol (shares and seed), with the content id of every image that was ever split by it. It is
kept in `LOBULE_HOME/splits`; on several machines, share that folder or carry it along. Without it splits are drawn anew, and
`components.ingest.balance` still gives most images the same side. Another seed is another file: a fresh start.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.domain.errors import InputError

_SCHEMA = pa.schema([("id", pa.string()), ("side", pa.string())])


@dataclass(frozen=True)
class Memory:
    """A folder of remembered sides; None remembers nothing.

    Attributes:
        directory: where the files are; made when first needed.
    """

    directory: Path | None = None

    def recall(self, protocol: str, ids: list[str]) -> list[str]:
        """Return the side that each image had under a protocol, "" for one that is new to it.

        Raises:
            InputError: if the protocol's file is damaged.
        """
        known = self._read(protocol)
        return [known.get(each, "") for each in ids]

    def remember(self, protocol: str, ids: list[str], sides: list[str]) -> None:
        """Keep the side of these images; those of other images stay.

        Raises:
            InputError: if the folder cannot be written.
        """
        if self.directory is None:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._alone():
                known = self._read(protocol) | dict(zip(ids, sides, strict=True))
                names = sorted(known)
                partial = self._file(protocol).with_suffix(f".{os.getpid()}.partial")
                pq.write_table(pa.table({"id": names, "side": [known[name] for name in names]}, schema=_SCHEMA), partial)
                partial.replace(self._file(protocol))
        except OSError as error:
            raise InputError(
                f"sides must be kept in a folder that can be written, but {self.directory} cannot ({error.strerror}); "
                "set LOBULE_HOME to another"
            ) from None

    def _file(self, protocol: str) -> Path:
        assert self.directory is not None
        return self.directory / f"{protocol}.parquet"

    def _read(self, protocol: str) -> dict[str, str]:
        if self.directory is None or not self._file(protocol).exists():
            return {}
        try:
            table = pq.read_table(self._file(protocol), schema=_SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"remembered sides must be readable, but {self._file(protocol)} is not ({type(error).__name__}); "
                "put back a copy of it, or remove it to split anew"
            ) from None
        return dict(zip(table.column("id").to_pylist(), table.column("side").to_pylist(), strict=True))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock, so that two runs at a time lose nothing of each other's."""
        assert self.directory is not None
        with (self.directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
