"""The Merkle tree over the log (RFC 6962, section 2.1): its head, and who is in it.

A leaf is the hash of a row, 32 bytes. Only hashes of whole subtrees are held: some twenty for a
million rows. Knows neither rows nor signatures.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LEAF, _NODE = b"\x00", b"\x01"


class Frontier:
    """A tree that grows at its end: the heads of its largest perfect subtrees, left to right."""

    def __init__(self, size: int = 0, heads: Sequence[bytes] = ()) -> None:
        """``ValueError`` unless there are as many heads as a tree of that size has."""
        if size.bit_count() != len(heads):
            raise ValueError("not the subtrees of a tree of that size")
        self.size = size
        self._heads = list(heads)

    def append(self, leaf: bytes) -> None:
        """Add one leaf at the end."""
        head = hashlib.sha256(_LEAF + leaf).digest()
        left = self.size
        while left & 1:
            head = hashlib.sha256(_NODE + self._heads.pop() + head).digest()
            left >>= 1
        self._heads.append(head)
        self.size += 1

    def root(self) -> bytes:
        """The head of the whole tree."""
        if not self._heads:
            return hashlib.sha256(b"").digest()
        *rest, head = self._heads
        for left in reversed(rest):
            head = hashlib.sha256(_NODE + left + head).digest()
        return head

    def written(self) -> str:
        """The heads in one text, from which :meth:`read` makes the same tree again."""
        return " ".join(base64.b64encode(head).decode() for head in self._heads)

    @classmethod
    def read(cls, size: int, written: str) -> "Frontier":
        """See :meth:`written`; raises ``ValueError`` for what does not come from there."""
        return cls(size, [base64.b64decode(head, validate=True) for head in written.split()])


@dataclass(frozen=True)
class Span:
    """The leaves from number ``start`` to before ``end``, counted from 0."""

    start: int
    end: int


def siblings(index: int, size: int) -> list[Span]:
    """The subtrees whose heads prove that leaf ``index`` is in a tree of ``size``, leaf first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    found: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(start, middle))
            start = middle
    return found[::-1]


def inclusion(index: int, size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """The proof for leaf ``index`` in the tree of the first ``size`` of ``leaves``, leaf first.

    Raises ``ValueError`` when there are fewer.
    """
    spans = siblings(index, size)
    trees = [Frontier() for _ in spans]
    of_leaf = iter(sorted(range(len(spans)), key=lambda number: spans[number].start))
    now = next(of_leaf, None)
    count = 0
    for number, leaf in enumerate(leaves):
        count = number + 1
        if now is not None and number >= spans[now].end:
            now = next(of_leaf, None)
        if now is not None and number >= spans[now].start:
            trees[now].append(leaf)
        if count == size:
            return [tree.root() for tree in trees]
    raise ValueError(f"only {count} leaves of {size}")


def root_of(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The head that a proof of inclusion leads to; raises ``ValueError`` for a proof too short."""
    head = hashlib.sha256(_LEAF + leaf).digest()
    for span, other in zip(siblings(index, size), proof, strict=True):
        pair = head + other if span.start > index else other + head
        head = hashlib.sha256(_NODE + pair).digest()
    return head
