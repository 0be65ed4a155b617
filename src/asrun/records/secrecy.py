"""What nobody should know: environment variables that look secret, and how their values are kept out of what is kept.

A record is for everyone, and so is a page. Nobody returns or prints a secret on purpose; libraries do, in addresses
that they warn of and in settings that they show.
"""

from __future__ import annotations

import os
import re
from typing import Any

__all__ = ["hidden", "is_secret", "secrets", "without_credentials"]

_NAMES = re.compile(
    # Parts of a name: API_KEY, apiKey, PGPASSWORD. MAX_TOKENS and GIT_AUTHOR are none.
    r"KEYS?|PASS|PWD|CREDENTIALS?|CREDS?|COOKIES?|AUTH|AUTHORIZATION|AUTHENTICATION|BEARER|JWT|WEBHOOK|DSN|OTP|PAT|PIN"
    r"|PRIVATE|SALT|SESSION|SESSIONID|SIG|SIGNATURE|SECRETS|PASSWORDS|PASSCODE|MNEMONIC|PHRASE"
    r"|.*(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY|ACCESSKEY|SECRETKEY|PRIVATEKEY)"
)
_WHO = r"(?<=://)[^/\s@'\"<>?#]+@"
_QUERY = r"(?<=[?&])([^=&\s'\"]*(?:token|key|sig|secret|pass|auth|credential)[^=&\s'\"]*=)[^&\s'\"<>#]+"
_VALUES = re.compile(
    # Addresses with a password, or with what opens a door in their query; headers; keys that say what they are.
    rf"{_WHO}|{_QUERY}|https://hooks\.slack\.com/\S"
    r"|\b(?:bearer|basic) [\w.~+/-]{8}|\b(?:ghp|gho|ghs|github_pat|glpat|hf|sk|xox[a-z])[_-]\w{8}|\bAKIA[A-Z0-9]{12}"
    r"|\beyJ[\w-]{8,}\.[\w-]+",
    re.IGNORECASE,
)
_SHORTEST = 8
"""Characters of a secret that is looked for: anything may be as short as others are, and mean something else."""


def is_secret(name: str, value: str) -> bool:
    """Whether nobody should know a variable's value, as it looks: `API_KEY`, or an address with a password."""
    if name in ("PWD", "OLDPWD"):
        return False
    words = re.split(r"[^A-Z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper())
    return any(map(_NAMES.fullmatch, words)) or _VALUES.search(value) is not None


def secrets() -> dict[str, str]:
    """Return the values that look secret in this environment, the longest first, and what to write in their place.

    Words (`SORT_KEY=accuracy`) and what is short are left out: a record may well say that, and mean something else.
    """
    found = {
        value: f"${name}"
        for name, value in sorted(os.environ.items(), reverse=True)
        if len(value) >= _SHORTEST and not re.fullmatch(r"[a-zA-Z_ -]*", value) and is_secret(name, value)
    }
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def hidden(what: Any, found: dict[str, str]) -> Any:
    """Return texts, alone or in lists and objects, with the names of secrets in place of their values.

    Arguments:
        what: Anything that JSON can say.
        found: From `secrets`.
    """
    if not found:
        return what
    if isinstance(what, str):
        for value, name in found.items():
            what = what.replace(value, name)
    elif isinstance(what, list):
        # Numbers are most of what is returned.
        return [hidden(each, found) if isinstance(each, (str, list, dict)) else each for each in what]
    elif isinstance(what, dict):
        return {hidden(key, found): hidden(each, found) for key, each in what.items()}
    return what


def without_credentials(text: str) -> str:
    """Return a text whose addresses say neither who asks nor by what right."""
    return re.sub(_QUERY, r"\1…", re.sub(_WHO, "…@", text), flags=re.IGNORECASE)
