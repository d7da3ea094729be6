"""The claims mapping: its rules in words, and what a token would get."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, show, show_json
from kursdocs.core import accounts
from kursdocs.core.accounts import NumberedRule, Trial
from kursdocs.core.accounts.claims import Post
from kursdocs.settings import load

app = typer.Typer(
    help="The mapping from the sign-in provider's claims to roles (KURSDOCS_CLAIMS).",
    no_args_is_help=True,
)

TEXT_BYTES_MAX = 64 * 1024


@app.command("list", epilog=EXIT_CODES)
def claims_list(as_json: AsJson = False) -> None:
    """List the rules; those about a place that does not exist or is closed are marked."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        rules = accounts.rules_in_reach(session, services.claim_rules)
    rows = [
        {
            "rule": str(one.number),
            "claim": one.rule.claim,
            "value": one.rule.value,
            "role": one.rule.role.value,
            "at": one.rule.agency or one.rule.municipality,
            "problem": _problem(one),
        }
        for one in rules
    ]
    show(rows, as_json=as_json)


def _problem(one: NumberedRule) -> str:
    if not one.place:
        return "does not exist"
    return "is closed" if one.is_closed else ""


@app.command("try", epilog=EXIT_CODES)
def claims_try(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Claims as JSON, or a token; - reads from a pipe.")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell what a token would get: matching rules, roles granted, kept and ended.

    Nothing is changed. A token is read, not verified, and kept nowhere.
    """
    claims = accounts.read_claims(_text(file))
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        trial = accounts.dry_run(
            session,
            accounts.rules_in_reach(session, services.claim_rules),
            claims,
            issuer=settings.oidc_issuer,
            now=services.clock(),
        )
    if as_json:
        show_json(_data(trial))
        return
    for line in _sentences(trial, settings.oidc_issuer):
        typer.echo(line)


def _text(file: str) -> str:
    """What stands in the file, or comes through the pipe."""
    if file == "-":
        raw = sys.stdin.buffer.read(TEXT_BYTES_MAX)
    else:
        try:
            with Path(file).open("rb") as opened:
                raw = opened.read(TEXT_BYTES_MAX)
        except OSError as error:
            fail(f"{file} cannot be read: {error.strerror}", 2)
    return raw.decode(errors="replace")


def _data(trial: Trial) -> dict[str, object]:
    return {
        "rules": [one.number for one in trial.matching],
        **{name: _posts(getattr(trial, name)) for name in ("granted", "kept", "ended")},
        "known": trial.is_known,
        "foreign": trial.is_foreign,
    }


def _posts(posts: Sequence[Post]) -> list[dict[str, object]]:
    return [asdict(post) for post in posts]


def _sentences(trial: Trial, issuer: str) -> list[str]:
    lines = []
    if trial.is_foreign:
        lines.append(f"This token is not of {issuer}: it would be refused. If it were of it:")
    for one in trial.matching:
        rule, problem = one.rule, _problem(one)
        place = rule.agency or rule.municipality
        note = f" ({place} {problem})" if problem else ""
        lines.append(
            f"Rule {one.number} matches: {rule.claim} = {rule.value}"
            f" makes {rule.role} of {place}{note}."
        )
    if not trial.matching:
        lines.append("No rule matches.")
    for word, posts in (
        ("would get", trial.granted),
        ("keeps", trial.kept),
        ("would lose", trial.ended),
    ):
        lines += [f"The person {word}: {post.role} of {post.place}." for post in posts]
    if not (trial.granted or trial.kept):
        lines.append("The person would have no role from claims.")
    if not trial.is_known:
        lines.append("Nobody with this `sub` has signed in here yet.")
    return lines
