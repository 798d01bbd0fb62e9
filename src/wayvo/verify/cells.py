"""Version cells: one number per organization, project, API, member and role, shared by every snapshot read from it.

A change of a project with a hundred thousand keys bumps one cell, and all its snapshots are stale at once.
"""

from typing import Literal
from weakref import WeakValueDictionary

import msgspec

CellKind = Literal["organization", "project", "api", "member", "role"]


class Cell(msgspec.Struct, weakref=True):
    """What it stands for, and a version that only grows."""

    subject: str
    version: int = 0


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A cell, and the version it had when something was read from what it stands for."""

    cell: Cell
    version: int


class Cells:
    """The cells that any living snapshot points at; the others are forgotten by themselves."""

    def __init__(self) -> None:
        self._cells: WeakValueDictionary[tuple[CellKind, str], Cell] = WeakValueDictionary()
        self.bumps = 0
        """How often any cell was bumped: who reads while this moves has read something doubtful."""

    def cell(self, kind: CellKind, subject: str) -> Cell:
        """Return the cell of a subject."""
        cell = self._cells.get((kind, subject))
        if cell is None:
            cell = self._cells[kind, subject] = Cell(subject)
        return cell

    def read(self, kind: CellKind, subject: str) -> Reading:
        """Return the present reading of a cell."""
        cell = self.cell(kind, subject)
        return Reading(cell, cell.version)

    def bump(self, kind: CellKind, subject: str) -> None:
        """Make everything stale that was read from ``subject``."""
        self.bumps += 1
        if (cell := self._cells.get((kind, subject))) is not None:
            cell.version += 1
