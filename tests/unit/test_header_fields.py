"""Header fields by name keep every line of a field, and tell one line from several."""

from hypothesis import given
from hypothesis import strategies as st

from wayvo.core.header_fields import LINE_END, fields_of

names = st.sampled_from([b"host", b"authorization", b"x-forwarded-for", b"accept"])
values = st.binary(max_size=8).filter(lambda value: LINE_END not in value)


@given(st.lists(st.tuples(names, values), max_size=12))
def test_every_line_of_a_field_is_kept_in_order(headers: list[tuple[bytes, bytes]]) -> None:
    fields = fields_of(headers)
    assert fields.keys() == {name for name, _ in headers}
    for name, value in fields.items():
        assert value.split(LINE_END) == [line for candidate, line in headers if candidate == name]


def test_two_empty_lines_are_not_taken_for_one() -> None:
    assert LINE_END in fields_of([(b"authorization", b""), (b"authorization", b"")])[b"authorization"]
    assert LINE_END not in fields_of([(b"authorization", b"")])[b"authorization"]
