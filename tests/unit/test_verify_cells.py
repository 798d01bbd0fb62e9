"""Version cells: shared while anybody reads them, gone by themselves afterwards."""

import gc

from wayvo.verify.cells import Cells


def test_a_bump_outdates_every_reading_of_its_subject_and_no_other() -> None:
    cells = Cells()
    first, second = cells.read("project", "prj_1"), cells.read("project", "prj_1")
    others = cells.read("project", "prj_2"), cells.read("api", "prj_1")
    cells.bump("project", "prj_1")
    assert first.cell is second.cell
    assert first.cell.version != first.version
    assert all(other.cell.version == other.version for other in others)


def test_a_reading_after_a_bump_is_current() -> None:
    cells = Cells()
    kept = cells.read("project", "prj_1")
    cells.bump("project", "prj_1")
    later = cells.read("project", "prj_1")
    assert later.version == later.cell.version == kept.version + 1


def test_a_bump_counts_even_if_nobody_has_read_its_subject_yet() -> None:
    # Whoever is reading it from the database at this moment has no reading yet.
    cells = Cells()
    cells.bump("project", "prj_1")
    assert cells.bumps == 1


def test_cells_that_nobody_points_at_cost_no_memory() -> None:
    cells = Cells()
    kept = cells.read("project", "prj_0")
    for number in range(1000):
        cells.read("project", f"prj_{number}")
    gc.collect()
    assert list(cells._cells.items()) == [(("project", "prj_0"), kept.cell)]
