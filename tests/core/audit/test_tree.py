"""The tree: known vectors of RFC 6962, and proofs that hold for exactly what they prove."""

import hashlib

import pytest

from kursdocs.core.audit.tree import Frontier, inclusion, root_of, siblings

# The vectors of certificate-transparency's own tests: leaves, and the head after each of them.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
HEADS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
MANY = [hashlib.sha256(bytes([number])).digest() for number in range(40)]


def tree_of(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def test_heads_are_those_of_the_specification() -> None:
    assert Frontier().root() == hashlib.sha256(b"").digest()
    assert [tree_of(LEAVES[:size]).root().hex() for size in range(1, 9)] == list(HEADS)


def test_a_tree_goes_on_where_it_was_written_down() -> None:
    for size in range(len(MANY)):
        tree = tree_of(MANY[:size])
        again = Frontier.read(size, tree.written())
        tree.append(MANY[size])
        again.append(MANY[size])

        assert (again.size, again.root()) == (tree.size, tree.root())


@pytest.mark.parametrize(("size", "written"), [(1, ""), (2, "AAAA AAAA"), (0, "AAAA"), (1, "???")])
def test_what_is_no_tree_of_that_size_is_refused(size: int, written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, nobody reads it
        Frontier.read(size, written)


def test_every_leaf_of_every_tree_can_be_proved() -> None:
    for size in range(1, len(MANY) + 1):
        root = tree_of(MANY[:size]).root()
        for index in range(size):
            proof = inclusion(index, size, MANY)
            assert root_of(index, size, MANY[index], proof) == root


def test_a_proof_holds_for_nothing_else() -> None:
    size, index = 21, 13
    root, proof = tree_of(MANY[:size]).root(), inclusion(13, 21, MANY)

    assert root_of(index, size, MANY[index + 1], proof) != root
    assert root_of(index + 1, size, MANY[index], proof) != root
    assert root_of(index, size, MANY[index], proof[::-1]) != root
    with pytest.raises(ValueError):  # noqa: PT011
        root_of(index, size, MANY[index], proof[:-1])


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no leaf 5 in a tree of 5"):
        siblings(5, 5)
    with pytest.raises(ValueError, match="only 3 leaves of 4"):
        inclusion(0, 4, MANY[:3])
