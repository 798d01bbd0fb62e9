"""What tests of whole databases need: empty ones, of either engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.engine import OnPostgresql
from tests.harness.installations import Places


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Places]:
    """Makes empty databases for this test."""
    with ExitStack() as stack:

        def new_database() -> str:
            server: OnPostgresql = request.getfixturevalue("on_postgresql")
            return stack.enter_context(server.database(is_empty=True))

        yield Places(tmp_path, new_database)
