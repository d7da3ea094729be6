"""The instruction before first use: a text that staff of some agencies confirm once.

§ 78 SGB X: whoever receives social data without being a benefit body is bound to the purpose for
which they were sent, and its staff must be told so before the first receipt.
"""

from dataclasses import dataclass

from kursdocs.catalogue.tables import Table
from kursdocs.catalogue.wording import AgencyKind, Text

_PARAGRAPHS_MAX = 20
_PARAGRAPH_LENGTH_MAX = 600


@dataclass(frozen=True)
class InstructionText:
    """What staff of these kinds of agencies confirm; another ``version`` is asked for anew."""

    version: str
    agency_kinds: tuple[AgencyKind, ...]
    title: Text
    paragraphs: tuple[Text, ...]


def read_instruction(top: Table) -> InstructionText:
    """The table ``[instruction]``. It must be there; ``for = []`` says that nobody needs it."""
    table = top.inner("instruction")
    if table is None:
        return InstructionText("", (), Text("", ""), ())
    found = InstructionText(
        version=table.string("version", length_max=20),
        agency_kinds=table.members("for", AgencyKind, required=False),
        title=table.text("title", length_max=120),
        paragraphs=table.texts(
            "paragraphs", length_max=_PARAGRAPH_LENGTH_MAX, at_most=_PARAGRAPHS_MAX
        ),
    )
    if not table.has("for"):
        table.wrong("", "for is missing; [] when nobody has to confirm it")
    table.done()
    return found
