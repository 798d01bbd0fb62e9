"""Which scopes a method and a path need: one reading of a path or none, and the most specific pattern."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.operations import (
    MAX_OPERATIONS,
    ApiOperation,
    Operation,
    compile_operations,
    faults_in,
    read_path,
    read_pattern,
)

READ, WRITE = "invoices:read", "invoices:write"
DECLARED = frozenset({READ, WRITE})


def operation(path: str, *scopes: str, methods: tuple[str, ...] = ("GET",)) -> ApiOperation:
    return ApiOperation(methods=methods, path=path, scopes=scopes)


def scopes_for(declared: list[ApiOperation], method: str, path: str) -> tuple[str, ...] | None:
    return compile_operations(tuple(declared)).scopes_for(Operation(method, path))


# Matching.


@pytest.mark.parametrize(
    ("pattern", "path", "stands_for_it"),
    [
        ("/", "/", True),
        ("/", "/a", False),
        ("/a", "/a", True),
        ("/a", "/a?b=/../c%2f", True),
        ("/a", "/a?", True),
        ("/a", "/a/", False),
        ("/a", "/A", False),
        ("/a", "/%61", True),
        ("/a!b", "/a%21b", True),
        ("/a%21b", "/a!b", True),
        ("/%C3%A9", "/%c3%a9", True),
        ("/a/", "/a/", True),
        ("/a/", "/a", False),
        ("/a/{id}", "/a/7", True),
        ("/a/{id}", "/a/", False),
        ("/a/{id}", "/a", False),
        ("/a/{id}", "/a/7/", False),
        ("/a/{id}", "/a/{id}", False),
        ("/{a}/b/{c}", "/1/b/2", True),
        ("/a/**", "/a", False),
        ("/a/**", "/a/", True),
        ("/a/**", "/a/b", True),
        ("/a/**", "/a/b/c/", True),
        ("/**", "/", True),
        ("/**", "/a/b", True),
        ("/%7B%7D", "/a", False),
        ("/%2A%2A", "/a", False),
        ("/%2A%2A", "/**", True),
    ],
)
def test_a_pattern_stands_for_its_literals_one_segment_for_a_name_and_any_rest(
    pattern: str, path: str, stands_for_it: bool
) -> None:
    found = scopes_for([operation(pattern, READ)], "GET", path)
    assert found == ((READ,) if stands_for_it else None)


def test_segment_by_segment_a_literal_goes_before_a_name_and_that_before_the_rest() -> None:
    patterns = ["/a/b", "/a/{x}", "/a/**", "/{x}/b", "/{x}/**", "/**"]
    declared = [operation(pattern, f"scope:p{place}") for place, pattern in enumerate(patterns)]
    for order in (declared, declared[::-1]):
        for place, path in enumerate(["/a/b", "/a/c", "/a/b/c", "/c/b", "/c/d", "/c"]):
            assert scopes_for(order, "GET", path) == (f"scope:p{place}",)


def test_a_pattern_that_is_more_specific_but_for_another_method_does_not_stand_in_the_way() -> None:
    declared = [operation("/a/b", READ), operation("/{x}/b", WRITE, methods=("POST",))]
    assert scopes_for(declared, "GET", "/a/b") == (READ,)
    assert scopes_for(declared, "POST", "/a/b") == (WRITE,)
    assert scopes_for(declared, "PUT", "/a/b") is None


def test_a_method_that_is_named_goes_before_every_method() -> None:
    declared = [operation("/a", READ), operation("/a", WRITE, methods=("*",))]
    assert [scopes_for(declared, method, "/a") for method in ("GET", "PUT")] == [(READ,), (WRITE,)]


@pytest.mark.parametrize("method", ["", "*", "get", "Get", "GET ", "GET\n", "GET,PUT", "G\xc9T", "X_Y", "-", "A" * 99])
def test_what_is_no_method_in_upper_case_is_no_operation(method: str) -> None:
    assert scopes_for([operation("/a", READ, methods=("*",))], method, "/a") is None


def test_an_operation_may_need_no_scope() -> None:
    assert scopes_for([operation("/health")], "GET", "/health") == ()


SEGMENTS = st.sampled_from(["a", "b", "c", "ab", "%61", "a%20b", "A"])
PARTS = st.one_of(SEGMENTS, st.sampled_from(["{x}", "{y}"]))
PATTERNS = st.builds(
    lambda parts, end: "/" + "/".join([*parts, *end]), st.lists(PARTS, max_size=4), st.sampled_from([["**"], [""], []])
).filter(lambda pattern: "//" not in pattern)
METHODS = st.sampled_from(["GET", "PUT", "*"])
PATHS = st.builds(lambda parts: "/" + "/".join(parts), st.lists(st.one_of(SEGMENTS, st.just("")), max_size=5))


def plain(segment: str) -> str:
    return segment.replace("%61", "a").replace("%20", " ")


def rank(pattern: str, path: str) -> tuple[int, ...] | None:
    """Return how specific a pattern is where it stands for a path, slowly: smaller is more specific."""
    parts, segments = pattern.split("/")[1:], path.split("/")[1:]
    found: list[int] = []
    for place, part in enumerate(parts):
        if part == "**" and place < len(segments):
            return (*found, 2)
        if place == len(segments):
            return None
        if part.startswith("{"):
            if not segments[place]:
                return None
            found.append(1)
        elif plain(part) != plain(segments[place]):
            return None
        else:
            found.append(0)
    return tuple(found) if len(parts) == len(segments) else None


def slowly(declared: list[ApiOperation], method: str, path: str) -> tuple[str, ...] | None:
    if "//" in path:
        return None
    ranked = [
        ((place, method not in made.methods), made.scopes)
        for made in declared
        if {method, "*"} & set(made.methods) and (place := rank(made.path, path)) is not None
    ]
    return min(ranked)[1] if ranked else None


@given(st.lists(st.tuples(PATTERNS, METHODS), max_size=12), st.sampled_from(["GET", "PUT", "HEAD"]), PATHS)
def test_the_compiled_patterns_decide_as_a_look_at_each_does(
    wanted: list[tuple[str, str]], method: str, path: str
) -> None:
    declared: list[ApiOperation] = []
    for number, (pattern, named) in enumerate(wanted):
        made = operation(pattern, f"scope:p{number}", methods=(named,))
        if not list(faults_in([*declared, made], frozenset(f"scope:p{place}" for place in range(99)))):
            declared.append(made)
    assert scopes_for(declared, method, path) == slowly(declared, method, path)


# Tricks.

TRICKS = [
    "",
    "a",
    "//",
    "/a//b",
    "//a",
    "/a//",
    "/.",
    "/..",
    "/./a",
    "/a/../b",
    "/a/..",
    "/a/.",
    "/a;b=c",
    "/a;",
    "/..;/a",
    "/a\\b",
    "/a#b",
    "/a?b#c",
    "/a b",
    "/a?b c",
    "/a\tb",
    "/a\n",
    "/a?b\n/c",
    "/a\x00",
    "/a\x7f",
    "/\xe9",
    "/a?\xe9",
    "/a|b",
    "/{id}",
    "/a%",
    "/a%2",
    "/a%zz",
    "/%u002f",
    "/%c0%af",
    "/%ff",
    "/%e9",
    "/%c2%85",
    "*",
    "http://a/b",
    "HTTP://a",
    "a:443",
    "?/a",
    *(f"/a{trick}b" for code in ("2f", "5c", "2e", "3b", "00", "0a", "0D", "1f", "7f") for trick in (f"%{code}",)),
    *(f"/%{code}" for code in ("2F", "5C", "2E", "2E%2e", "2e.", "252f", "252E", "2500", "255c")),
]


@pytest.mark.parametrize("path", TRICKS)
def test_a_path_that_could_be_read_in_two_ways_is_no_operation(path: str) -> None:
    everything = [operation("/**", methods=("*",)), operation("/a", methods=("*",))]
    assert scopes_for(everything, "GET", path) is None


@given(st.text(alphabet="/.a%25cCfFeE0;\\?#{}*\n\xe9 ", max_size=12))
def test_a_path_is_read_as_what_no_later_reader_takes_for_another(text: str) -> None:
    segments = read_path(text)
    if segments is None:
        return
    path = text.partition("?")[0]
    assert text.startswith("/")
    assert len(segments) == path.count("/")
    assert not {"", ".", ".."} & set(segments[:-1])
    assert segments[-1] not in (".", "..")
    for segment in segments:
        assert not set(segment) & set("/\\;\0\n")
        assert "%2f" not in segment.lower()


@given(st.lists(st.text(alphabet="abcXYZ019-._~", min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_a_path_means_the_same_whichever_of_its_letters_are_encoded(segments: list[str], data: st.DataObject) -> None:
    def spelled(character: str) -> str:
        return f"%{ord(character):02x}" if character != "." and data.draw(st.booleans()) else character

    path = "".join("/" + "".join(map(spelled, segment)) for segment in segments)
    assert read_path(path) == (None if {".", ".."} & set(segments) else segments)


@pytest.mark.parametrize(("high", "low"), list(product("0123456789abcdefABCDEF", repeat=2)))
def test_every_encoded_byte_of_ascii_is_decoded_or_refused(high: str, low: str) -> None:
    value = int(high + low, 16)
    is_refused = value < 0x20 or value >= 0x7F or chr(value) in "/\\.;"
    assert read_path(f"/%{high}{low}") == (None if is_refused else [chr(value)])


# What may be declared.


@pytest.mark.parametrize(
    "path",
    [
        *(trick for trick in TRICKS if trick != "/{id}"),
        "/a?b",
        "/*",
        "/a*",
        "/***",
        "/**/a",
        "/{}",
        "/{1}",
        "/{a",
        "/a{b}",
        "/{a}{b}",
        "/{a-b}",
        "/" + "a" * 500,
    ],
)
def test_a_pattern_that_stands_for_no_path_for_certain_is_refused(path: str) -> None:
    assert read_pattern(path) is None
    assert [field for field, _ in faults_in([operation("/a"), operation(path)], DECLARED)] == ["operations[1].path"]


@pytest.mark.parametrize(
    ("methods", "field"),
    [
        ((), "methods"),
        (("get",), "methods[0]"),
        (("GET", "GET"), "methods[1]"),
        (("GET", "*"), "methods[1]"),
        (("GET", "P T"), "methods[1]"),
    ],
)
def test_methods_that_mean_nothing_are_refused(methods: tuple[str, ...], field: str) -> None:
    faults = list(faults_in([operation("/a", methods=methods)], DECLARED))
    assert [name for name, _ in faults] == [f"operations[0].{field}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("/a", "/a"), ("/a/{x}", "/a/{y}"), ("/a/**", "/a/**"), ("/a", "/%61"), ("/%c3%a9", "/%C3%A9")],
)
def test_two_operations_that_stand_for_the_same_are_refused(first: str, second: str) -> None:
    both = [operation(first, methods=("PUT", "GET")), operation(second, methods=("GET", "PUT"))]
    fields = [field for field, _ in faults_in(both, DECLARED)]
    assert fields == ["operations[1].path"] * 2
    assert not list(faults_in([operation(first), operation(second, methods=("PUT",))], DECLARED))


def test_a_scope_that_the_api_does_not_declare_is_refused() -> None:
    assert [field for field, _ in faults_in([operation("/a", READ, "orders:read")], DECLARED)] == [
        "operations[0].scopes[1]"
    ]


def test_there_are_at_most_so_many_operations() -> None:
    many = [operation(f"/{number}") for number in range(MAX_OPERATIONS + 1)]
    assert not list(faults_in(many[:-1], DECLARED))
    assert [field for field, _ in faults_in(many, DECLARED)] == ["operations"]
