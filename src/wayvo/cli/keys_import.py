"""``wayvo keys import``: keys that were made elsewhere, from a file, a few hundred at a time."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TextIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from wayvo.cli.failures import CommandFailed, ExitCode
from wayvo.cli.key_files import Hasher, Row, read_csv, read_json_lines
from wayvo.cli.options import Accesses, AsJson, ScopeNames, read_access, split_scopes
from wayvo.cli.output import print_json, print_record, remark
from wayvo.cli.session import connect
from wayvo.client import calls
from wayvo.client.bodies import ForeignFormat, KeyImport
from wayvo.client.errors import TransportError, WayvoError
from wayvo.client.sync import Client
from wayvo.core.credentials.foreign import ALPHABETS, KeyFormat, make_format
from wayvo.core.credentials.format import Mode
from wayvo.core.errors import InvalidField

BATCH: Final = 500
BATCH_BYTES: Final = 1_000_000
"""Half of what the server takes in one request."""
SHOWN_FAULTS: Final = 20

_LENGTHS: Final = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")


class FileFormat(StrEnum):
    """How a file holds its rows."""

    CSV = "csv"
    JSONL = "jsonl"


_READERS: Final = {FileFormat.CSV: read_csv, FileFormat.JSONL: read_json_lines}


@dataclass(slots=True)
class _Tally:
    """What has become of the rows so far."""

    report: TextIO | None
    created: int = 0
    existing: int = 0
    refused: int = 0
    last_line: int = 0
    warnings: dict[str, None] = field(default_factory=dict)

    def refuse(self, line: int, field_name: str, message: str) -> None:
        """Note a row that was refused, and why."""
        self.refused += 1
        if self.report is not None:
            self.report.write(msgspec.json.encode({"line": line, "field": field_name, "message": message}).decode())
            self.report.write("\n")
        elif self.refused <= SHOWN_FAULTS:
            remark(f"Line {line}: {field_name}: {message}")
        elif self.refused == SHOWN_FAULTS + 1:
            remark("… and more: --report FILE keeps all of them.")


def import_keys(  # noqa: PLR0913 - an option each
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The keys: a CSV file or JSON lines; - for stdin.")],
    *,
    alphabet: Annotated[
        str,
        typer.Option(
            "--alphabet",
            metavar="NAME|CHARACTERS",
            help=f"What follows the prefix consists of: {', '.join(ALPHABETS)}, or these characters.",
        ),
    ],
    length: Annotated[
        str, typer.Option("--length", metavar="N|N-M", help="How many characters follow the prefix: 24, or 20-40.")
    ],
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="What every key begins with.")] = "",
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="How the file holds its rows. Default: by its name.")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="ID", help="For rows that name none. Default: your key's own."),
    ] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="For rows without mode. Default: live.")] = None,
    scopes: ScopeNames = None,
    access: Accesses = None,
    accept_weak: Annotated[
        bool, typer.Option("--accept-weak", help="Import keys even of a format that could be guessed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be done.")] = False,
    from_line: Annotated[
        int, typer.Option("--from-line", min=1, metavar="N", help="Go on at this line of the file.")
    ] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write refused rows there, a JSON object each.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import keys that were made elsewhere: they go on working, and no customer has to change one.

    A row has the key's sha256: the SHA-256, in hex, of the whole key as a client sends it. One is made by
    printf %s "$KEY" | sha256sum. A row may hold the key itself instead, as key: it is hashed here and not sent.

    Every row has a name. It may have description, project_id, mode, scopes, access, expires_at, created_at,
    allowed_networks, metadata, prefix, last_four, external_id. --scope and --access are for rows with neither.

    What is imported already is skipped: run the command again after whatever interrupted it.
    """
    known = _read_format(prefix, alphabet, length)
    single = {"project_id": project, "mode": mode}
    held = {
        "scopes": split_scopes(scopes) if scopes else None,
        "access": read_access(access) if access else None,
    }
    with ExitStack() as stack:
        source = stack.enter_context(_opened(file))
        told = None if report is None else stack.enter_context(_written(report))
        client = stack.enter_context(connect(ctx))
        advance = stack.enter_context(_progress(source))
        rows = map(Hasher(known), _READERS[file_format or _format_of(file)](source, advance))
        wanted = KeyImport(format=_sent(known), keys=(), accept_weak=accept_weak, dry_run=dry_run)
        tally = _Tally(told)
        try:
            for batch in _batches(_complete(row, single, held) for row in rows if row.line >= from_line):
                _send(client, wanted, batch, tally)
        except (WayvoError, TransportError, CommandFailed):
            remark(
                f"Done up to line {tally.last_line}, with {tally.created} created. The same command again skips what "
                f"is there; --from-line {tally.last_line + 1} begins behind it."
            )
            raise
    _tell(tally, dry_run=dry_run, as_json=as_json)
    if tally.refused:
        raise typer.Exit(ExitCode.INVALID)


def _send(client: Client, wanted: KeyImport, batch: list[Row], tally: _Tally) -> None:
    fine = [row for row in batch if row.fields is not None]
    for row in batch:
        if row.fields is None:
            tally.refuse(row.line, row.field, row.message)
    if fine:
        keys = tuple(row.fields for row in fine if row.fields is not None)
        answer = client.send(calls.import_api_keys(msgspec.structs.replace(wanted, keys=keys))).value
        tally.created += answer.created
        tally.existing += answer.existing
        tally.warnings.update(dict.fromkeys(answer.warnings))
        for outcome in answer.rows:
            if outcome.outcome == "refused":
                tally.refuse(fine[outcome.row].line, outcome.field or "row", outcome.message or "is refused")
    tally.last_line = batch[-1].line


def _complete(row: Row, single: Mapping[str, Any], held: Mapping[str, Any]) -> Row:
    """Return what is sent of a row: the options stand in for what it leaves out."""
    if row.fields is None:
        return row
    fields = dict(row.fields)
    stand_ins = single if fields.keys() & held.keys() else {**single, **held}
    for name, value in stand_ins.items():
        if value is not None:
            fields.setdefault(name, value)
    return Row(row.line, fields)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        size += 0 if row.fields is None else len(msgspec.json.encode(row.fields))
        batch.append(row)
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read_format(prefix: str, alphabet: str, length: str) -> KeyFormat:
    lengths = _LENGTHS.fullmatch(length)
    if lengths is None:
        raise typer.BadParameter("give a number of characters, or two: 24, or 20-40.", param_hint="'--length'")
    known = make_format(prefix, alphabet, int(lengths[1]), int(lengths[2] or lengths[1]))
    if isinstance(known, InvalidField):
        hint = "'--length'" if "length" in known.errors[0].field else f"'--{known.errors[0].field.split('.')[-1]}'"
        raise typer.BadParameter(f"it {known.errors[0].message}.", param_hint=hint)
    return known


def _sent(known: KeyFormat) -> ForeignFormat:
    return ForeignFormat(**{name: getattr(known, name) for name in known.__struct_fields__})


def _format_of(file: str) -> FileFormat:
    for known in FileFormat:
        if file.endswith(f".{known.value}"):
            return known
    raise typer.BadParameter("say csv or jsonl: the file's name does not tell.", param_hint="'--format'")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as fault:
        raise CommandFailed(f"The file can't be read: {fault.strerror}.", ExitCode.USAGE) from None
    with opened:
        yield opened


@contextmanager
def _written(report: Path) -> Iterator[TextIO]:
    try:
        opened = report.open("w", encoding="utf-8")
    except OSError as fault:
        raise CommandFailed(f"The report can't be written: {fault.strerror}.", ExitCode.USAGE) from None
    with opened:
        yield opened


@contextmanager
def _progress(source: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of the file is read; the rest is what the server has yet to answer: little."""
    if not sys.stderr.isatty() or not source.seekable():
        yield lambda _: None
        return
    total = source.seek(0, 2)
    source.seek(0)
    columns = (TextColumn("Importing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


def _tell(tally: _Tally, *, dry_run: bool, as_json: bool) -> None:
    for warning in tally.warnings:
        remark(f"Note: {warning}")
    counts = {"created": tally.created, "existing": tally.existing, "refused": tally.refused}
    if as_json:
        print_json(msgspec.json.encode({**counts, "dry_run": dry_run, "warnings": list(tally.warnings)}))
        return
    created = "Would be created" if dry_run else "Created"
    print_record(
        [(created, str(tally.created)), ("There already", str(tally.existing)), ("Refused", str(tally.refused))]
    )
