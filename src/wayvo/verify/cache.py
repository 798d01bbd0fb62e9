"""What is known of credentials, by digest: the known ones, and (apart from them) those that do not exist.

Both tables are bounded, and neither can push an entry out of the other: a flood of unknown keys evicts no real one.
"""

from collections import OrderedDict
from enum import Enum
from typing import Final

from wayvo.core.change import Change
from wayvo.verify.cells import Cells
from wayvo.verify.snapshot import Snapshot

MAX_ABSENT: Final = 10_000


class Absent(Enum):
    """There is no such credential."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
Known = Snapshot | Absent


class Cache:
    """Snapshots by digest. The least recently used goes when there are more than ``capacity``."""

    def __init__(self, cells: Cells, capacity: int) -> None:
        self._cells = cells
        self._capacity = capacity
        self._snapshots: OrderedDict[bytes, Snapshot] = OrderedDict()
        self._absent: OrderedDict[bytes, None] = OrderedDict()
        self._doubtful: set[bytes] = set()
        self._is_reading = False
        self._bumps_before = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._snapshots)

    @property
    def absent_count(self) -> int:
        """How many credentials are known not to exist."""
        return len(self._absent)

    def get(self, digest: bytes) -> Known | None:
        """Return what is known for sure, ``None`` if nothing is."""
        snapshot = self._snapshots.get(digest)
        if snapshot is not None:
            if snapshot.is_current():
                self._snapshots.move_to_end(digest)
                self.hits += 1
                return snapshot
            del self._snapshots[digest]
        elif digest in self._absent:
            self.hits += 1
            return ABSENT
        self.misses += 1
        return None

    def clear(self) -> None:
        """Forget everything, and what is being read as well."""
        self._snapshots.clear()
        self._absent.clear()
        self._cells.bumps += 1

    def begin_reading(self) -> None:
        """Note that the database is being read: what changes from here on makes the result doubtful."""
        self._is_reading = True
        self._doubtful.clear()
        self._bumps_before = self._cells.bumps

    def end_reading(self, found: dict[bytes, Known]) -> None:
        """Keep what was read, except what a change has passed on the way."""
        self._is_reading = False
        if self._bumps_before != self._cells.bumps:
            return
        for digest, known in found.items():
            if digest in self._doubtful:
                continue
            if known is ABSENT:
                self._absent[digest] = None
                if len(self._absent) > MAX_ABSENT:
                    self._absent.popitem(last=False)
            else:
                self._snapshots[digest] = known
                if len(self._snapshots) > self._capacity:
                    self._snapshots.popitem(last=False)

    def apply(self, change: Change) -> None:
        """Forget whatever ``change`` made untrue. Called between a commit and the answer to who made it."""
        if change.kind == "credential":
            digest = bytes.fromhex(change.subject)
            self._snapshots.pop(digest, None)
            self._absent.pop(digest, None)
            if self._is_reading:
                self._doubtful.add(digest)
        elif change.kind == "key_format":
            # Keys were imported, and nobody knows under which of the digests that were asked for.
            self._absent.clear()
            self._cells.bumps += 1
        else:
            self._cells.bump(change.kind, change.subject)
