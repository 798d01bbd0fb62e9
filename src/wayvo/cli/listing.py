"""Listing commands share one ending: read the pages, print them, say when there is more."""

from collections.abc import Sequence
from typing import TypeVar

from wayvo.cli.output import Column, print_json_array, print_table, remark
from wayvo.client.flow import Listing
from wayvo.client.sync import Client

T = TypeVar("T")


def print_listing(
    client: Client, listing: Listing[T], columns: Sequence[Column[T]], *, noun: str, limit: int | None, as_json: bool
) -> None:
    """Print the listing's items as a table or as a JSON array; ``limit`` ``None`` prints all."""
    listed = client.collect(listing, limit)
    if as_json:
        print_json_array(item.raw for item in listed.items)
    elif listed.items:
        print_table(columns, [item.value for item in listed.items])
    else:
        remark(f"No {noun}.")
    if listed.has_more:
        remark(f"There are more {noun}: see them with --all, or with a higher --limit.")
