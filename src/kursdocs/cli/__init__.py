"""The command line: run it, set it up, look after it.

Each module is one group of commands with a ``typer.Typer`` of its own. To add a group, write a
module and add one line to the table below; ``telling`` has what all groups need to answer.
"""

import typer

from kursdocs.catalogue import CatalogueError
from kursdocs.cli import (
    auditing,
    backups,
    checking,
    claims,
    installation,
    keys,
    logs,
    mail,
    pushing,
    reminders,
    retention,
    rules,
    running,
    scanning,
    town,
    town_calendar,
    town_settings,
)
from kursdocs.cli.telling import fail, words_of
from kursdocs.core.errors import KursdocsError
from kursdocs.core.ports import ForeignInstance
from kursdocs.settings import SettingsError
from kursdocs.web.pages import FrontendMissing

app = typer.Typer(
    name="kursdocs",
    help="Addressed delivery of language course papers between agencies.",
    epilog="Exit codes: 0 done; 1 refused, or some of it failed; 2 a mistake in the command or the"
    " settings. Each command says more with --help. Settings are environment variables"
    " (KURSDOCS_…, see the README).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

# In the order of the help. A group without a name adds its commands to the first level.
app.add_typer(running.app)
app.add_typer(installation.app)
app.add_typer(keys.app, name="keys")
app.add_typer(checking.app)
app.add_typer(reminders.app)
app.add_typer(mail.app, name="mail")
app.add_typer(retention.app)
app.add_typer(scanning.app)
app.add_typer(backups.app)
app.add_typer(pushing.app)
app.add_typer(rules.app, name="catalogue")
app.add_typer(claims.app, name="claims")
app.add_typer(auditing.app, name="audit")
town.municipality_app.add_typer(town_settings.municipality_app)
town.agency_app.add_typer(town_settings.agency_app)
town.municipality_app.add_typer(town_calendar.municipality_app)
town.agency_app.add_typer(town_calendar.agency_app)
app.add_typer(town.municipality_app, name="municipality")
app.add_typer(town.agency_app, name="agency")
app.add_typer(town.member_app, name="member")
app.add_typer(town.service_app, name="service")


def main() -> None:
    """Run a command; what the operator can mend is one clear message and exit code 2 or 1."""
    logs.set_up()
    try:
        app()
    except (SettingsError, CatalogueError) as error:
        fail(f"kursdocs cannot start:\n{error}", 2)
    except (ForeignInstance, FrontendMissing) as error:
        fail(f"kursdocs cannot start: {error}", 2)
    except KursdocsError as error:
        fail(words_of(error), 1)
