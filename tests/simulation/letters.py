"""Reading the mails as a person would: which agency each part is about, and what it counts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.servers import Letter

# The sentences of the German half.
TOPICS: Mapping[str, re.Pattern[str]] = {
    "waiting": re.compile(r"(\d+) Dokumente? (?:wartet|warten) "),
    "returned": re.compile(r"(\d+) Dokumente? (?:kam|kamen) zurück"),
    "leaving": re.compile(r"(\d+) Dokumente? (?:wird|werden) in den nächsten Tagen"),
    "silent": re.compile(r"Seit (\d+) Tagen hat niemand"),
    "stuck": re.compile(r"(\d+) Dokumente? unberührt"),
}


@dataclass(frozen=True)
class Read:
    """What a mail says: by agency, by topic, which number."""

    sections: Mapping[str, Mapping[str, int]]


def read(letter: Letter, names: Mapping[str, str]) -> Read:
    """Read it; ``names`` says which agency is called how."""
    parts = [part for part in letter.message.walk() if part.get_content_type() == "text/plain"]
    text = str(parts[0].get_content()).replace("\r\n", "\n")
    german = text.split("-" * 40, 1)[0]
    bodies: dict[str, list[str]] = {}
    current: list[str] = []
    for line in german.splitlines():
        if line.strip() in names:
            current = bodies.setdefault(names[line.strip()], [])
        else:
            current.append(line.strip())
    return Read({slug: _topics(" ".join(lines)) for slug, lines in bodies.items()})


def _topics(body: str) -> Mapping[str, int]:
    found = {}
    for topic, pattern in TOPICS.items():
        if said := pattern.search(body):
            found[topic] = int(said[1])
    return found
