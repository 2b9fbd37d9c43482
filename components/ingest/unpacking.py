"""What of an archive is unpacked: decided from its members before anything is written.

Members that reach out of the archive (absolute paths, `..`), links, devices, encrypted members and what unpacks to far more than
it holds make the whole archive refused, named: no data set needs them. Members that only are no image of a usable name or size
are left out and listed. Nothing is written but what ingest can read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from components.domain.errors import InputError
from components.ingest.chosen import Chosen, leads_out, shown
from components.ingest.members import Member

_LINK = "is a link"
_ENCRYPTED = "is encrypted"


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        members: the most members.
        ratio: the most bytes unpacked for each byte of the archive; more is a bomb.
        spared: bytes unpacked below which the ratio does not count: blank masks compress a thousandfold.
    """

    members: int = 2_000_000
    ratio: int = 200
    spared: int = 256 * 2**20


def plan_unpacking(found: Iterable[Member], *, name: str, held: int, limits: Limits) -> Chosen:
    """Decide what is unpacked; files are numbered as the members are.

    Args:
        found: the members.
        name: of the archive, for messages.
        held: bytes of the archive.
        limits: see `Limits`.

    Raises:
        InputError: if a member is hostile, or all are together.
    """
    chosen = Chosen()
    hostile: list[tuple[str, str]] = []
    total = 0
    for number, member in enumerate(found):
        total += member.size
        if number >= limits.members:
            raise InputError(f"an archive may hold {limits.members:,} members, but {name!r} holds more; give a folder")
        if total > max(limits.spared, limits.ratio * held):
            raise InputError(
                f"an archive may unpack to {limits.ratio} times its size, but {name!r} ({held:,} bytes) holds {total:,} bytes or more at "
                f"{shown(member.name)}; unpack it yourself if you trust it, and give the folder"
            )
        reason = hostile_reason(member)
        if reason:
            hostile.append((shown(member.name), reason))
        elif member.kind == "file":
            chosen.consider(number, member.name, member.size)
    if hostile:
        first, reason = hostile[0]
        count = f"{len(hostile):,} such member{'s' * (len(hostile) > 1)}"
        raise InputError(f"an archive must hold plain files below itself, but in {name!r} {first} {reason} ({count}); {_remedy(reason)}")
    return chosen


def hostile_reason(member: Member) -> str:
    """Return why a member may not be unpacked by anybody, "" if it may."""
    if reason := leads_out(member.name):
        return reason
    if member.kind == "link":
        return _LINK
    if member.kind == "device":
        return "is a device"
    return _ENCRYPTED if member.encrypted else ""


def _remedy(reason: str) -> str:
    if reason == _LINK:
        return "pack the files themselves (tar --dereference, zip without -y)"
    if reason == _ENCRYPTED:
        return "unpack it with its password and give the folder"
    return "do not trust it, or pack it again"
