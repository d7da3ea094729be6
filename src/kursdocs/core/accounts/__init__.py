"""People and programs: users, memberships, service accounts, sign-ins, and the actors they become.

A user is (issuer, subject), never an e-mail. A membership has from, until and source; claims of
the sign-in provider make and end only memberships that came from claims.

``sessions`` are those of browsers, ``bearers`` are access tokens, ``claims`` the mapping that both
use, ``endings`` how both end elsewhere, ``people`` who holds what, ``tables`` what lies in the
database. Others use the names below.
"""

from kursdocs.core.accounts.bearers import actor_of_bearer, create_service_account, services_of
from kursdocs.core.accounts.claims import (
    ClaimRule,
    NumberedRule,
    Trial,
    dry_run,
    read_claims,
    rules_in_reach,
)
from kursdocs.core.accounts.endings import (
    require_standing,
    sign_out_by_provider,
    sign_out_everywhere,
)
from kursdocs.core.accounts.people import (
    end_membership,
    grant,
    grant_by_subject,
    held_now,
    names_of,
    whose,
)
from kursdocs.core.accounts.sessions import (
    ABSOLUTE_LIMIT,
    ATTEMPT_LIMIT,
    IDLE_LIMIT,
    MembershipView,
    SignedIn,
    actor_of_sign_in,
    begin_sign_in,
    sign_in,
    sign_out,
    switch_agency,
    take_attempt,
)
from kursdocs.core.accounts.tables import (
    Membership,
    MembershipSource,
    ServiceAccount,
    SignIn,
    SignInAttempt,
    User,
)

__all__ = [
    "ABSOLUTE_LIMIT",
    "ATTEMPT_LIMIT",
    "IDLE_LIMIT",
    "ClaimRule",
    "Membership",
    "MembershipSource",
    "MembershipView",
    "NumberedRule",
    "ServiceAccount",
    "SignIn",
    "SignInAttempt",
    "SignedIn",
    "Trial",
    "User",
    "actor_of_bearer",
    "actor_of_sign_in",
    "begin_sign_in",
    "create_service_account",
    "dry_run",
    "end_membership",
    "grant",
    "grant_by_subject",
    "held_now",
    "names_of",
    "read_claims",
    "require_standing",
    "rules_in_reach",
    "services_of",
    "sign_in",
    "sign_out",
    "sign_out_by_provider",
    "sign_out_everywhere",
    "switch_agency",
    "take_attempt",
    "whose",
]
