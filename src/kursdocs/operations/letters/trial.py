"""The mail that only says that it arrived: asked for by people who want to know whether it does.

Entry point: :func:`test_letter`. It names a place, and nobody.
"""

from datetime import datetime

from kursdocs.core.ports import Letter
from kursdocs.operations.letters.templates import TEMPLATES


def test_letter(
    place_name: str, *, address: str, public_url: str, message_id: str, now: datetime
) -> Letter:
    """A mail to try an address of a place (a municipality or an agency of it)."""
    # A subject has one line, whatever a place is called.
    place = " ".join(place_name.split())
    values = {"place": place, "public_url": public_url}
    return Letter(
        to=address,
        subject=f"kursdocs: Testmail ({place})",
        text=TEMPLATES.get_template("trial.txt").render(values),
        html=TEMPLATES.get_template("trial.html").render(values),
        message_id=message_id,
        written_at=now,
    )
