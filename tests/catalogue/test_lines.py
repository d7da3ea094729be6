"""Finding the line of a key or table in a TOML text."""

import tomllib

import pytest

from kursdocs.catalogue.lines import Lines, Path

TEXT = '''\
# a = 1, and [no.header]
top = 1

[one]
plain = "a # no comment = no key"   # [not.a.header]
"quoted key" = 2
dotted.inner = { x = 1, y = "}" }
list = [
  "first",  # with a ] in the comment
  "sec]ond",
]
text = """
[not.a.table]
not_a_key = 1
"""
raw = \'\'\'
also = "nothing
\'\'\'
after = "\\" = \\\\"

  [ one . two ]
  indented=3
[[one.rows]]
first = 1
[one.rows.below]
x = 1
[[one.rows]]
second = 1
[[one.rows.deep]]
[[one.rows.deep]]
third = 1
[last."with.dot"]
end = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("top",), 2),
        (("one",), 4),
        (("one", "plain"), 5),
        (("one", "quoted key"), 6),
        (("one", "dotted"), 7),
        (("one", "dotted", "inner"), 7),
        (("one", "dotted", "inner", "y"), 7),
        (("one", "list"), 8),
        (("one", "list", 1), 8),
        (("one", "text"), 12),
        (("one", "raw"), 16),
        (("one", "after"), 19),
        (("one", "two"), 21),
        (("one", "two", "indented"), 22),
        (("one", "rows"), 23),
        (("one", "rows", 0), 23),
        (("one", "rows", 0, "first"), 24),
        (("one", "rows", 0, "below"), 25),
        (("one", "rows", 0, "below", "x"), 26),
        (("one", "rows", 1), 27),
        (("one", "rows", 1, "second"), 28),
        (("one", "rows", 1, "deep", 0), 29),
        (("one", "rows", 1, "deep", 1), 30),
        (("one", "rows", 1, "deep", 1, "third"), 31),
        (("last", "with.dot"), 32),
        (("last", "with.dot", "end"), 33),
        (("one", "missing"), 4),
        (("nowhere", "at", "all"), 1),
    ],
)
def test_keys_and_tables_are_found_in_their_line(path: Path, line: int) -> None:
    tomllib.loads(TEXT)

    assert Lines(TEXT).of(path) == line


def test_what_only_looks_like_a_table_is_not_found() -> None:
    lines = Lines(TEXT)

    assert lines.of(("not", "a", "table")) == 1
    assert lines.of(("one", "not_a_key")) == 4
    assert lines.of(("one", "also")) == 4
