"""Reading the mails as a person would: which agency each part is about, and what it counts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.servers import Letter

# The sentences of the German half, and the short forms of the same in lists.
TOPICS: Mapping[str, re.Pattern[str]] = {
    "waiting": re.compile(r"(\d+) Papiere? warte[nt]"),
    "approval": re.compile(r"(\d+) Mitteilung(?:en)? warte[nt]"),
    "returned": re.compile(r"(\d+) Papiere? (?:kam|kamen|zurückgekommen)"),
    "leaving": re.compile(r"(\d+) Papiere? (?:wird|werden|vor der)"),
    "silent": re.compile(r"Seit (\d+) Tagen hat niemand"),
    "silent, in short": re.compile(r"(Bitte sehen Sie nach), es werden Papiere erwartet"),
    "lapsing": re.compile(
        r"(?:Zu )?(\d+) Papiere?n?,? (?:zu dem keine|ist keine|ohne Anm|l[äi]e?uf)"
    ),
    "proof": re.compile(r"(\d+) Nachweise? "),
    "start": re.compile(r"(\d+) Meldung(?:en)? zum Kursbeginn"),
    "refused": re.compile(r"(Postf[aä]ch)[^:]* (?:nimmt|nehmen) keine Mails an"),
    "month": re.compile(r"(Im \S+ hat Ihre Stelle|Ihr \S+ in Zahlen)"),
}

TOWN = "Für die Koordination"
"""The heading of what the coordinator is told, with a line for each agency."""
_MORE = re.compile(r"und (\d+) weitere Stellen?")


@dataclass(frozen=True)
class Read:
    """What a mail says: by agency, by topic, which number. ``more`` agencies are only counted."""

    sections: Mapping[str, Mapping[str, int]]
    more: int = 0


def read(letter: Letter, names: Mapping[str, str]) -> Read:
    """Read it; ``names`` says which agency is called how."""
    parts = [part for part in letter.message.walk() if part.get_content_type() == "text/plain"]
    text = str(parts[0].get_content()).replace("\r\n", "\n")
    german = text.split("-" * 40, 1)[0]
    blocks = list(_blocks(german, {*names, TOWN}))
    bodies = {heading: " ".join(lines) for heading, lines in blocks}
    sections = {names[name]: _topics(body) for name, body in bodies.items() if name in names}
    of_town = bodies.get(TOWN, "")
    for name, slug in names.items():
        if said := re.search(rf"- {re.escape(name)}: (.*?)(?= - |$)", of_town):
            sections[slug] = _topics(said[1])
    more = _MORE.search(of_town)
    return Read(sections, int(more[1]) if more else 0)


def _blocks(text: str, headings: set[str]) -> Iterator[tuple[str, list[str]]]:
    current: list[str] = []
    for line in text.splitlines():
        if line.strip() in headings:
            current = []
            yield line.strip(), current
        else:
            current.append(line.strip())


def _topics(body: str) -> Mapping[str, int]:
    """What is said, with its number; without one it counts as 1."""
    found = {}
    for topic, pattern in TOPICS.items():
        if said := pattern.search(body):
            found[topic] = int(said[1]) if said[1].isdigit() else 1
    return found
