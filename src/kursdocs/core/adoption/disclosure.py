"""Which counts may be shown: none from 1 to 4, and none from which such a one can be computed.

Whoever sees a row with its total finds the one count that is missing by subtraction. So where a
count is hidden, others are hidden with it, until for each of them the table could look the same
with another value. The proof is always of one shape: two columns and a few rows, in which one can
be added here and taken away there without any sum changing (cell suppression, see Hundepool and
others, "Handbook on Statistical Disclosure Control"). Pure; it knows nothing of agencies or weeks.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

FEW_MAX = 4
"""Counts from 1 to this are not shown."""


@dataclass(frozen=True)
class Count:
    """A count as it may be shown.

    ``value`` is ``None`` where it is hidden. ``is_few``: hidden, because it is from 1 to 4; else
    what is hidden may be any number, and protects another one.
    """

    value: int | None
    is_few: bool = False


FEW, HIDDEN = Count(None, is_few=True), Count(None)


@dataclass(frozen=True)
class Table:
    """Rows of counts as they may be shown, their totals beside, and the totals of the columns."""

    cells: Sequence[Sequence[Count]]
    row_totals: Sequence[Count]
    column_totals: Sequence[Count]
    total: Count


def protect(*blocks: Sequence[Sequence[int]], columns: int) -> Sequence[Table]:
    """The same tables with what must not be shown taken out.

    All blocks have the same columns and add up to the same totals by column, such as what was
    sent and what was received; what one of them shows does not give away the other.
    """
    grid = _Grid.of(blocks, columns)
    for cell in grid.few():
        grid.hidden.add(cell)
    grid.hide_what_is_split_too_far()
    grid.close()
    return grid.tables([len(block) for block in blocks])


_Cell = tuple[int, int]
_Rows = Sequence[tuple[int, int]]
"""Rows that change together, each with the sign of its change."""
# What it costs to hide a cell or to say less of one that is hidden; smallest damage first.
_ZERO_COST, _LABEL_COST, _ROW_TOTAL_COST, _COLUMN_TOTAL_COST = 1, 50, 10**6, 10**9


@dataclass
class _Grid:
    """The counts of all blocks; the last row holds the totals, the last column too."""

    counts: Sequence[Sequence[int]]
    blocks: Sequence[range]
    hidden: set[_Cell] = field(default_factory=set)
    unlabelled: set[_Cell] = field(default_factory=set)

    @classmethod
    def of(cls, blocks: Sequence[Sequence[Sequence[int]]], columns: int) -> "_Grid":
        """The grid with its totals; raises ``ValueError`` when they differ between the blocks."""
        sums = [[sum(row[n] for row in block) for n in range(columns)] for block in blocks]
        if any(one != sums[0] for one in sums):
            raise ValueError("these tables do not add up to the same totals")
        rows = [list(row) for block in blocks for row in block]
        ranges, start = [], 0
        for block in blocks:
            ranges.append(range(start, start + len(block)))
            start += len(block)
        return cls([[*row, sum(row)] for row in (*rows, sums[0])], ranges)

    @property
    def _last_row(self) -> int:
        return len(self.counts) - 1

    @property
    def _last_column(self) -> int:
        return len(self.counts[0]) - 1

    def _cells(self) -> Iterator[_Cell]:
        for row in range(len(self.counts)):
            for column in range(len(self.counts[0])):
                yield row, column

    def _value(self, cell: _Cell) -> int:
        return self.counts[cell[0]][cell[1]]

    def _is_few(self, cell: _Cell) -> bool:
        return 1 <= self._value(cell) <= FEW_MAX

    def few(self) -> Iterator[_Cell]:
        """Every count, and every total, that is itself too small."""
        return (cell for cell in self._cells() if self._is_few(cell))

    def hide_what_is_split_too_far(self) -> None:
        """A total below five is not broken down at all: not even where it is nothing."""
        for row in range(len(self.counts)):
            if self._is_few((row, self._last_column)):
                self.hidden |= {(row, column) for column in range(self._last_column)}
        for column in range(len(self.counts[0])):
            if self._is_few((self._last_row, column)):
                self.hidden |= {(row, column) for row in range(self._last_row)}

    # ── Until nothing can be computed ────────────────────────────────────────────────────────

    def close(self) -> None:
        """Hide more, until every small count could have another value as well."""
        for cell in self.few():
            if not self._is_open(cell):
                self._open(cell)

    def _is_open(self, cell: _Cell) -> bool:
        """Whether a change among cells that are hidden already gives it another value."""
        return any(self._keeps_labels(change) for change in self._changes(cell, among=self.hidden))

    def _open(self, cell: _Cell) -> None:
        """Hide what the cheapest change needs."""
        possible = [change for change in self._changes(cell) if self._is_possible(change)]
        if possible:
            best = min(possible, key=self._cost)
            self.hidden |= set(best)
            self.unlabelled |= {one for one, by in best.items() if not self._keeps_label(one, by)}

    def _changes(
        self, cell: _Cell, *, among: Container[_Cell] | None = None
    ) -> Iterator[Mapping[_Cell, int]]:
        """Every change of the one shape that the cell takes part in, in both directions.

        With ``among``, those that touch these cells only.
        """
        row, column = cell
        others = [n for n in range(len(self.counts[0])) if n != column]
        for rows in self._together(row):
            if among is not None and any((each, column) not in among for each, _ in rows):
                continue
            for other in others:
                if among is not None and any((each, other) not in among for each, _ in rows):
                    continue
                for way in (1, -1):
                    yield {
                        (each, at): way * sign * side * self._side(at)
                        for each, sign in rows
                        for at, side in ((column, 1), (other, -1))
                    }

    def _side(self, column: int) -> int:
        """The total of a row moves with it, not against it."""
        return -1 if column == self._last_column else 1

    def _together(self, row: int) -> Iterator[_Rows]:
        """Rows that can change with this one, so that no total of a column is wrong."""
        if row == self._last_row:
            for rows in self._one_of_each(self.blocks):
                yield [(row, 1), *rows]
            return
        mine = next(block for block in self.blocks if row in block)
        for other in mine:
            if other != row:
                yield [(row, 1), (other, -1)]
        for rows in self._one_of_each([block for block in self.blocks if block is not mine]):
            yield [(row, 1), (self._last_row, 1), *rows]

    def _one_of_each(self, blocks: Sequence[range]) -> Iterator[_Rows]:
        if not blocks:
            yield []
            return
        for rows in self._one_of_each(blocks[1:]):
            for row in blocks[0]:
                yield [(row, 1), *rows]

    def _is_possible(self, change: Mapping[_Cell, int]) -> bool:
        return all(self._value(cell) + by >= 0 for cell, by in change.items())

    def _keeps_labels(self, change: Mapping[_Cell, int]) -> bool:
        return self._is_possible(change) and all(
            self._keeps_label(cell, by) for cell, by in change.items()
        )

    def _keeps_label(self, cell: _Cell, by: int) -> bool:
        """Whether what is said of it, "fewer than five", would still be true."""
        if cell in self.unlabelled or not self._is_few(cell):
            return True
        return 1 <= self._value(cell) + by <= FEW_MAX

    def _cost(self, change: Mapping[_Cell, int]) -> int:
        return sum(self._cost_of(cell, by) for cell, by in change.items())

    def _cost_of(self, cell: _Cell, by: int) -> int:
        row, column = cell
        if cell in self.hidden:
            return 0 if self._keeps_label(cell, by) else _LABEL_COST
        if row == self._last_row:
            return _COLUMN_TOTAL_COST + self._value(cell)
        if column == self._last_column:
            return _ROW_TOTAL_COST + self._value(cell)
        return _ZERO_COST + self._value(cell)

    # ── What is left to be shown ─────────────────────────────────────────────────────────────

    def tables(self, sizes: Sequence[int]) -> Sequence[Table]:
        """One table for each block, with the totals that they share."""
        shown = [
            [self._shown((row, column)) for column in range(len(self.counts[0]))]
            for row in range(len(self.counts))
        ]
        made, start = [], 0
        for size in sizes:
            rows = shown[start : start + size]
            made.append(
                Table(
                    [row[:-1] for row in rows],
                    [row[-1] for row in rows],
                    shown[-1][:-1],
                    shown[-1][-1],
                )
            )
            start += size
        return made

    def _shown(self, cell: _Cell) -> Count:
        if cell not in self.hidden:
            return Count(self._value(cell))
        return FEW if self._is_few(cell) and cell not in self.unlabelled else HIDDEN
