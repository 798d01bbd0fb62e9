"""Imports of API keys as JSON."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from wayvo.api.schemas.api_keys import Metadata, Networks
from wayvo.api.schemas.fields import AccessMap, Description, Id, Instant, Name, Patterns, to_instant
from wayvo.core.credentials.foreign import ALPHABETS, make_format
from wayvo.core.credentials.format import MAX_KEY_LENGTH, Mode
from wayvo.core.errors import FieldError, InvalidField
from wayvo.core.strict_json import locate
from wayvo.services.import_chunk import RowOutcome
from wayvo.services.key_imports import ImportedKey, ImportKeys, ImportReport

MAX_ROWS: Final = 1000

VISIBLE: Final = r"^[!-~]*$(?!\n)"
_IS_NO_SHA256: Final = "is the SHA-256 of the key: 64 hexadecimal digits"


class KeyFormatBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the keys look like: a prefix, then so many characters of an alphabet."""

    prefix: Annotated[
        str,
        Meta(max_length=MAX_KEY_LENGTH - 1, pattern=VISIBLE, description="May be empty.", examples=["sk_live_"]),
    ] = ""
    alphabet: Annotated[
        str,
        Meta(
            min_length=2,
            max_length=94,
            pattern=VISIBLE,
            description=f"The characters that follow it, or the name of such an alphabet: {', '.join(ALPHABETS)}.",
            examples=["base62"],
        ),
    ]
    min_length: Annotated[int, Meta(ge=1, le=MAX_KEY_LENGTH, description="Of what follows the prefix.", examples=[24])]
    max_length: Annotated[int, Meta(ge=1, le=MAX_KEY_LENGTH, description="Of what follows the prefix.", examples=[24])]


class ImportKeysBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of one format."""

    format: KeyFormatBody
    keys: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            min_length=1,
            max_length=MAX_ROWS,
            description=(
                "Each a JSON object with `sha256` (hex, of the whole key as a client sends it) and `name`, and, if you "
                "like, `description`, `project_id`, `mode`, `access`, `scopes`, `expires_at`, `allowed_networks`, "
                "`metadata` as for a new key, and `created_at`, `prefix`, `last_four` (to be shown), `external_id` "
                "(kept in the metadata). A row with a fault is refused by itself; the answer says why."
            ),
        ),
    ]
    accept_weak: Annotated[bool, Meta(description="Import keys of a format that could be guessed.")] = False
    dry_run: Annotated[bool, Meta(description="Write nothing; say what would be done.")] = False

    def __repr__(self) -> str:
        return f"ImportKeysBody(format={self.format!r})"

    def to_command(self) -> ImportKeys | InvalidField:
        """Return what the service understands."""
        wanted = self.format
        known = make_format(wanted.prefix, wanted.alphabet, wanted.min_length, wanted.max_length)
        if isinstance(known, InvalidField):
            return known
        return ImportKeys(
            format=known,
            keys=tuple(_read_row(row) for row in self.keys),
            accept_weak=self.accept_weak,
            dry_run=self.dry_run,
        )


class ImportedKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{64}$(?!\n)")]
    name: Name
    description: Description = ""
    project_id: Id | None = None
    mode: Mode = Mode.LIVE
    access: AccessMap | None = None
    scopes: Patterns | None = None
    expires_at: Instant | None = None
    allowed_networks: Networks = ()
    metadata: Metadata = {}
    created_at: Instant | None = None
    prefix: Annotated[str, Meta(max_length=32, pattern=VISIBLE)] | None = None
    last_four: Annotated[str, Meta(max_length=4, pattern=VISIBLE)] = ""
    external_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None

    def __repr__(self) -> str:
        return f"ImportedKeyBody(name={self.name!r})"


class KeyFormatView(msgspec.Struct, frozen=True, kw_only=True):
    """A format; ``id`` is null while no key of it is stored."""

    id: str | None
    prefix: str
    alphabet: str
    min_length: int
    max_length: int


class ImportedRowView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row, or would in a dry run."""

    row: Annotated[int, Meta(description="Its place in `keys`, from 0.")]
    outcome: Annotated[
        Literal["created", "exists", "refused"],
        Meta(description="`exists`: a key with this digest is here already, and was left as it is."),
    ]
    id: Annotated[str | None, Meta(description="The key; null if there is none.")]
    field: Annotated[str | None, Meta(description="Which field was refused.")]
    message: Annotated[str | None, Meta(description="Why.")]


class ImportReportView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import."""

    format: KeyFormatView
    warnings: Annotated[tuple[str, ...], Meta(description="What is to be said of the format.")]
    dry_run: bool
    created: int
    existing: int
    refused: int
    rows: tuple[ImportedRowView, ...]


def report_view(report: ImportReport) -> ImportReportView:
    """Return a report as JSON shows it."""
    known = report.format
    outcomes = [row.outcome for row in report.rows]
    return ImportReportView(
        format=KeyFormatView(
            id=report.format_id,
            prefix=known.prefix,
            alphabet=known.alphabet,
            min_length=known.min_length,
            max_length=known.max_length,
        ),
        warnings=known.warnings(),
        dry_run=report.is_dry_run,
        created=outcomes.count("created"),
        existing=outcomes.count("exists"),
        refused=outcomes.count("refused"),
        rows=tuple(_row_views(report.rows)),
    )


def _row_views(rows: tuple[RowOutcome, ...]) -> Iterator[ImportedRowView]:
    for index, row in enumerate(rows):
        field, message = (None, None) if row.fault is None else (row.fault.field, row.fault.message)
        yield ImportedRowView(row=index, outcome=row.outcome, id=row.id, field=field, message=message)


def _read_row(row: dict[str, Any]) -> ImportedKey | FieldError:
    try:
        read = msgspec.convert(row, ImportedKeyBody)
    except msgspec.ValidationError as error:
        field, message = locate(str(error))
        if field == "sha256" and "required" not in message:
            message = _IS_NO_SHA256
        return FieldError("row" if field == "body" else field, message)
    moments: dict[str, int | None] = {}
    for name in ("expires_at", "created_at"):
        moment = getattr(read, name)
        instant = None if moment is None else to_instant(name, moment)
        if isinstance(instant, InvalidField):
            return instant.errors[0]
        moments[name] = instant
    return ImportedKey(
        sha256=bytes.fromhex(read.sha256),
        name=read.name,
        description=read.description,
        project_id=read.project_id,
        mode=read.mode,
        access=read.access,
        scopes=read.scopes,
        expires_at=moments["expires_at"],
        allowed_networks=read.allowed_networks,
        metadata=read.metadata,
        created_at=moments["created_at"],
        prefix=read.prefix,
        last_four=read.last_four,
        external_id=read.external_id,
    )
