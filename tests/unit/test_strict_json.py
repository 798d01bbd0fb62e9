"""JSON as strangers may send it: one meaning or none, and a refusal that names the place and repeats no value."""

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.credentials.format import Mode, mint
from wayvo.core.errors import InvalidField, MalformedJson
from wayvo.core.strict_json import decode, loads, locate, shown_name

SECRET = mint("wv", Mode.LIVE, bytes(range(32)))

texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
leaves = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the body."""

    count: int = 0


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body such as the doors take."""

    name: Annotated[str, msgspec.Meta(max_length=5)]
    mode: Mode = Mode.LIVE
    kind: Literal["a", "b"] = "a"
    parts: list[Inner] = []
    access: dict[str, list[str]] = {}


def refused(body: str | bytes) -> MalformedJson | InvalidField:
    outcome = decode(body if isinstance(body, bytes) else body.encode(), Body)
    assert isinstance(outcome, MalformedJson | InvalidField)
    return outcome


@given(values, st.booleans())
def test_every_json_value_is_read_as_what_it_is(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=30))
def test_whatever_bytes_come_they_are_a_value_or_refused(body: bytes) -> None:
    loads(body)


@given(values, texts, values, values)
def test_a_name_that_stands_twice_is_refused_wherever_it_stands(around: Any, name: str, one: Any, two: Any) -> None:
    twice = f"{{{json.dumps(name)}: {json.dumps(one)}, {json.dumps(name)}: {json.dumps(two)}}}"
    for body in (twice, f"[{json.dumps(around)}, {twice}]", f'{{"outer": {twice}}}'):
        assert isinstance(loads(body.encode()), MalformedJson)


def test_a_name_written_in_two_ways_stands_twice_all_the_same() -> None:
    assert isinstance(loads(rb'{"name": 1, "n\u0061me": 2}'), MalformedJson)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{",
        "{'name': 1}",
        '{"name": 1,}',
        '{"name": 1} {}',
        "NaN",
        "[Infinity]",
        '{"name": -Infinity}',
        '"\t"',
        '"\0"',
        "\ufeff{}",
        "[" * 100_000,
        '{"a":' * 100_000,
        "1" * 101,
        b"\xff\xfe{\0}\0",
        b'{"name": "\xc3\x28"}',
        b'{"name": "\xed\xa0\x80"}',
    ],
)
def test_what_is_no_json_is_malformed(body: str | bytes) -> None:
    assert isinstance(refused(body), MalformedJson)


@pytest.mark.parametrize("depth", range(1, 1100, 7))
def test_no_depth_is_more_than_a_refusal(depth: int) -> None:
    body = "[" * depth + r'"\u0000"' + "]" * depth
    outcome = refused(body)
    assert isinstance(outcome, MalformedJson) or outcome.errors[0].field.startswith("[0]")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"name": "\u0000"}', "name"),
        (r'{"name": "\ud800"}', "name"),
        (r'{"name": "a", "parts": [{}, {"count": "\udfff"}]}', "parts[1].count"),
        (r'{"name": "a", "\ud800": 1}', "body"),
        (r'["\u0000"]', "[0]"),
        ('{"name": 1}', "name"),
        ('{"name": 1e22}', "name"),
        ('{"name": null}', "name"),
        ('{"name": "too long"}', "name"),
        ('{"name": "a", "parts": [{"count": 1e22}]}', "parts[0].count"),
        ('{"name": "a", "parts": [{"count": 1e400}]}', "parts[0].count"),
        ('{"name": "a", "parts": [{"count": true}]}', "parts[0].count"),
        ('{"name": "a", "parts": [{"number": 1}]}', "parts[0].number"),
        ('{"name": "a", "more": 1}', "more"),
        ('{"name": "a", "mode": "prod"}', "mode"),
        ('{"name": "a", "kind": "c"}', "kind"),
        ("{}", "name"),
        ("[]", "body"),
        ("null", "body"),
        ("1e22", "body"),
    ],
)
def test_a_refusal_names_the_field(body: str, field: str) -> None:
    outcome = refused(body)
    assert isinstance(outcome, InvalidField)
    assert [fault.field for fault in outcome.errors] == [field]
    assert outcome.detail == f"{field}: {outcome.errors[0].message}"


def test_a_pair_of_surrogates_is_a_character_like_any_other() -> None:
    assert loads(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "body",
    [
        f'{{"name": "{SECRET}"}}',
        f'{{"name": "a", "mode": "{SECRET}"}}',
        f'{{"name": "a", "kind": "{SECRET}"}}',
        f'{{"name": "a", "{SECRET}": 1}}',
        f'{{"name": "a", "parts": [{{"{SECRET}": 1}}]}}',
        f'{{"name": "a", "access": {{"{SECRET}": 1}}}}',
        f'{{"name": "a", "access": {{"{SECRET}": ["\\u0000"]}}}}',
        f'{{"{SECRET}": 1, "{SECRET}": 2}}',
        f'{{"name": "{SECRET}",}}',
        SECRET,
    ],
)
def test_a_refusal_never_repeats_a_secret_from_a_wrong_place(body: str) -> None:
    outcome = refused(body)
    said = [outcome.detail, *(text for fault in outcome.errors for text in (fault.field, fault.message))]
    assert not any(SECRET in text for text in said)


class Digest(msgspec.Struct):
    """A body with a name that has digits in it, and an address."""

    sha256: str
    owner_email: Annotated[str, msgspec.Meta(pattern="@")] = "a@b"


def test_what_is_missing_is_named_though_a_stranger_s_name_like_it_would_not_be() -> None:
    outcome = decode(b"{}", Digest)
    assert isinstance(outcome, InvalidField)
    assert outcome.detail == "sha256: is required"


def test_what_is_no_address_is_told_in_words_and_not_as_a_regular_expression() -> None:
    outcome = decode(b'{"sha256": "", "owner_email": "nobody"}', Digest)
    assert isinstance(outcome, InvalidField)
    assert outcome.detail == "owner_email: is not an email address"


def test_a_name_is_shown_if_it_looks_like_one() -> None:
    assert shown_name("allowed_networks") == "allowed_networks"
    assert shown_name("Idempotency-Key") == "Idempotency-Key"
    assert SECRET not in shown_name(SECRET)
    assert "\n" not in shown_name("name\n")


def test_a_complaint_is_located_below_the_place_where_it_was_found() -> None:
    complaint = "Object contains unknown field `more` - at `$.parts[0]`"
    assert locate(complaint, "ignored") == ("parts[0].more", "is not a field of this request")
    assert locate("is odd", "limit") == ("limit", "is odd")


def test_a_body_of_many_names_is_refused_in_a_moment() -> None:
    # Looking for each name among all the others took half a second at the largest body that a door takes.
    names = ",".join(f'"{number}":0' for number in range(200_000))
    assert isinstance(loads(f'{{{names},"199999":1}}'.encode()), MalformedJson)
