"""Mail by hand: whether it goes out and arrives, trying a mailbox, sending again what failed."""

from typing import Annotated

import typer
from sqlmodel import Session

from kursdocs import bootstrap
from kursdocs.catalogue import Addressee
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import EXIT_CODES, AsJson, done, show, show_json
from kursdocs.core import outbox
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.errors import Conflict
from kursdocs.operations import delivery
from kursdocs.operations.delivery import Box, Seen, Watch

app = typer.Typer(help="Mail going out: what became of it, test mails.", no_args_is_help=True)

PlaceSlug = Annotated[
    str, typer.Argument(metavar="SLUG", help="Short name of an agency, or of a municipality.")
]
Mailbox = Annotated[
    Addressee,
    typer.Option("--mailbox", help="Which mailbox; a municipality has that of its coordinator."),
]


@app.command()
def status(var: DemoFolder = None, port: DemoPort = 8000, as_json: AsJson = False) -> None:
    """Whether mail goes out, and what became of the last one to each mailbox.

    Exit codes: 0 all is well; 1 something is not, or a mailbox takes no mails; 2 a mistake in the
    command or the settings.
    """
    settings = settings_of(var, port)
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        now = services.clock()
        watch = delivery.watch(session, now=now, reads_bounces=bool(settings.bounces_url))
        seen = delivery.looked_at(session, delivery.every_box(session), now=now)
    rows = [_row(one) for one in seen]
    if as_json:
        show_json({**_plain(watch), "mailboxes": rows})
    else:
        for name, said in _plain(watch).items():
            typer.echo(f"{name.replace('_', ' ')}: {said if said is not None else '-'}")
        show(rows, as_json=False)
    if not watch.is_well or any(one.unreached is not None for one in seen):
        raise typer.Exit(1)


def _plain(watch: Watch) -> dict[str, str | int | None]:
    moments = {
        "last_planned": watch.planned_at,
        "last_answer_of_the_mail_server": watch.server_at,
        "last_look_for_returned_mail": watch.bounces_at,
        "oldest_waiting_since": watch.oldest_at,
    }
    return {
        "worker": watch.worker.value,
        "mail_server": watch.server.value,
        "returned_mail": watch.bounces.value,
        "mails_waiting": watch.waiting,
        **{
            name: moment.isoformat(timespec="seconds") if moment else None
            for name, moment in moments.items()
        },
    }


def _row(seen: Seen) -> dict[str, str]:
    mail = seen.mail
    return {
        "place": seen.box.place,
        "mailbox": seen.box.addressee.value,
        "address": seen.box.address,
        "last_mail": seen.standing.value if seen.standing else "",
        "of": mail.created_at.isoformat(timespec="seconds") if mail else "",
        "code": mail.bounce_code if mail else "",
        "trouble": mail.last_error if mail else "",
    }


@app.command("test", epilog=EXIT_CODES)
def try_(
    place: PlaceSlug,
    mailbox: Mailbox = Addressee.DESK,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Put a test mail to a mailbox into the outbox; the worker sends it within seconds."""
    settings = settings_of(var, port)
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        box = _box(session, place, mailbox)
        delivery.try_box(session, _operator(box), box, now=services.clock())
    done(f"A test mail goes to {box.address}.", as_json=as_json, address=box.address)


@app.command(epilog=EXIT_CODES)
def resend(
    place: PlaceSlug,
    mailbox: Mailbox = Addressee.DESK,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Send the last mail to a mailbox once more, if it failed.

    It says what is true now; with nothing left to say, or outside working hours, none goes out.
    """
    settings = settings_of(var, port)
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        box = _box(session, place, mailbox)
        mail = outbox.latest(session, [box.address]).get(box.address.lower())
        if mail is None:
            raise Conflict("mail_not_failed")
        delivery.send_again(session, _operator(box), [box], mail.id, now=services.clock())
    done(f"The mail to {box.address} is sent once more.", as_json=as_json, address=box.address)


def _box(session: Session, place: str, mailbox: Addressee) -> Box:
    found = [box for box in delivery.every_box(session) if box.place == place]
    # A municipality has one mailbox alone, which nobody should have to name.
    wanted = found if [box.agency for box in found] == [None] else []
    return wanted[0] if wanted else delivery.box_at(found, place, mailbox)


def _operator(box: Box) -> Actor:
    return Actor(kind=ActorKind.SYSTEM, display_name="cli", municipality_id=box.municipality_id)
