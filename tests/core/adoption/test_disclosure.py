"""What is hidden stays hidden: tried by everything that the page shows, not by its own proof."""

from collections.abc import Mapping, Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from kursdocs.core.adoption.disclosure import FEW, HIDDEN, Count, Table, protect

Counts = Sequence[Sequence[int]]


def shown(*rows: Sequence[int]) -> Table:
    """One table as it may be shown."""
    (table,) = protect(rows, columns=len(rows[0]))
    return table


def plain(counts: Sequence[Count]) -> list[int | str]:
    """Counts to compare: a number, ``few`` or ``-``."""
    return ["few" if one is FEW else "-" if one is HIDDEN else one.value or 0 for one in counts]


# ── What is shown ────────────────────────────────────────────────────────────────────────────


def test_what_is_large_enough_or_nothing_is_shown_as_it_is() -> None:
    table = shown([5, 0, 12], [70, 6, 0])

    assert [plain(row) for row in table.cells] == [[5, 0, 12], [70, 6, 0]]
    assert plain(table.row_totals) == [17, 76]
    assert plain(table.column_totals) == [75, 6, 12]
    assert table.total == Count(93)


def test_one_to_four_are_few_and_the_ones_they_hide_among_stay_few_too() -> None:
    table = shown([3, 2, 40], [2, 4, 50])

    assert [plain(row) for row in table.cells] == [["few", "few", 40], ["few", "few", 50]]
    assert plain(table.row_totals) == [45, 56]


def test_the_only_small_count_does_not_stay_the_only_one_that_is_missing() -> None:
    table = shown([3, 20, 40], [30, 25, 50], [60, 70, 80])

    assert [plain(row) for row in table.cells] == [["few", "-", 40], ["-", "-", 50], [60, 70, 80]]
    assert plain(table.column_totals) == [93, 115, 170]


def test_a_total_below_five_is_not_broken_down_not_even_into_nothing() -> None:
    table = shown([0, 3, 0], [30, 25, 50], [60, 70, 80])

    assert plain(table.row_totals)[0] == "few"
    assert "few" not in plain(table.cells[0][::2])
    assert all(one.value is None for one in table.cells[0])


def test_a_single_agency_hides_the_same_in_the_total() -> None:
    table = shown([3, 20, 40, 7])

    assert plain(table.cells[0]) == ["few", 20, 40, "-"]
    assert plain(table.column_totals) == ["few", 20, 40, "-"]
    assert plain([table.total]) == [70]


def test_nothing_at_all_is_shown_as_nothing() -> None:
    table = shown([0, 0], [0, 0])

    assert [plain(row) for row in table.cells] == [[0, 0], [0, 0]]
    assert table.total == Count(0)


def test_no_row_at_all_is_a_table_too() -> None:
    (table,) = protect([], columns=2)

    assert (table.cells, plain(table.column_totals)) == ([], [0, 0])


# ── Nothing can be computed ──────────────────────────────────────────────────────────────────


def possible(count: Count, most: int) -> range:
    """What a reader knows of a count before adding up anything."""
    if count.value is not None:
        return range(count.value, count.value + 1)
    return range(1, 5) if count is FEW else range(most + 1)


def rows_like(cells: Sequence[Count], total: Count, most: int) -> list[tuple[int, ...]]:
    """Every row that fits what is shown of it."""
    fitting = product(*(possible(one, most) for one in cells))
    return [row for row in fitting if sum(row) in possible(total, most * len(cells))]


def readings(table: Table, most: int) -> Mapping[tuple[int, ...], list[set[int]]]:
    """Everything that could be behind a table: by its sums, what each cell could be."""
    rows = [
        rows_like(row, total, most)
        for row, total in zip(table.cells, table.row_totals, strict=True)
    ]
    found: dict[tuple[int, ...], list[set[int]]] = {}
    for made in product(*rows):
        sums = tuple(sum(column) for column in zip(*made, strict=True))
        if fits(sums, table, most):
            line = [count for row in made for count in row]
            for seen, one in zip(found.setdefault(sums, [set() for _ in line]), line, strict=True):
                seen.add(one)
    return found


def fits(sums: Sequence[int], table: Table, most: int) -> bool:
    """Whether these totals of columns could be those that are shown."""
    pairs = zip(sums, table.column_totals, strict=True)
    many = most * 2
    return all(one in possible(count, many) for one, count in pairs) and sum(sums) in possible(
        table.total, many * len(sums)
    )


def certain(tables: Sequence[Table], most: int) -> list[tuple[int, int, set[int]]]:
    """The small counts that a patient reader of all tables can compute, though they are hidden."""
    read = [readings(table, most) for table in tables]
    shared = set.intersection(*(set(one) for one in read))
    found = []
    for number, (table, by_sums) in enumerate(zip(tables, read, strict=True)):
        for place, count in enumerate([one for row in table.cells for one in row]):
            values = set[int]().union(*(by_sums[sums][place] for sums in shared))
            if count.value is None and len(values) == 1 and values <= {1, 2, 3, 4}:
                found.append((number, place, values))
    return found


@given(
    st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=2), min_size=2, max_size=2),
)
@settings(max_examples=100, deadline=None)
def test_no_hidden_count_follows_from_all_that_is_shown(counts: Counts) -> None:
    tables = protect(counts, columns=2)

    assert certain(tables, 8) == []


@given(st.lists(st.integers(0, 7), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_nor_does_it_in_a_single_row(counts: Sequence[int]) -> None:
    tables = protect([counts], columns=len(counts))

    assert certain(tables, 8) == []


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=2),
    st.lists(st.integers(0, 6), min_size=2, max_size=2),
    st.integers(0, 6),
    st.integers(0, 6),
)
@settings(max_examples=30, deadline=None)
def test_nor_from_what_others_received_of_the_same(
    first: list[int], second: list[int], at_one: int, at_other: int
) -> None:
    """Sent and received add up to the same, so that one could give away the other."""
    totals = [a + b for a, b in zip(first, second, strict=True)]
    ours = [min(one, total) for one, total in zip((at_one, at_other), totals, strict=True)]
    theirs = [total - one for total, one in zip(totals, ours, strict=True)]

    tables = protect([first, second], [ours, theirs], columns=2)

    assert certain(tables, 13) == []


@given(st.lists(st.lists(st.integers(0, 9), min_size=13, max_size=13), min_size=6, max_size=6))
@settings(max_examples=25, deadline=None)
def test_no_sum_that_is_shown_misses_exactly_one_small_part(counts: Counts) -> None:
    (table,) = protect(counts, columns=13)

    rows = [(*row, total) for row, total in zip(table.cells, table.row_totals, strict=True)]
    real = [(*row, sum(row)) for row in counts]
    lines = [*rows, *zip(*rows, strict=True)]
    for line, behind in zip(lines, [*real, *zip(*real, strict=True)], strict=True):
        missing = [n for n, one in enumerate(line[:-1]) if one.value is None]
        if len(missing) == 1 and line[-1].value is not None:
            assert behind[missing[0]] not in (1, 2, 3, 4)
