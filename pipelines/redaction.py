"""Secrets in what people write: found by their names and in URLs, and kept out of what is written and told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
"""Stands where a secret was."""

LEAST = 6
"""A secret of fewer characters is left out where it stands, and not looked for in other text: words have so many."""

NAMES = re.compile(
    r"(^|[_\-.])(token|passwd|password|passphrase|secret|(api|access|secret|private)[_\-]?key|signature|sig"
    r"|credentials?|authorization|webhook)$",
    re.IGNORECASE,
)
"""Names of arguments, of what stands in the query of a URL, and of variables, whose text is a secret."""

OF_TEXT = re.compile(r"(pad|cls|sep|mask|unk|bos|eos|sos|stop|start|end|special|image|prompt)_?token$", re.IGNORECASE)
"""Names that those of secrets are like, and that tokenizers have for what is in every text."""

_USER = re.compile(
    r"(?P<before>[a-z][a-z0-9+.\-]*://)(?P<user>[^\s/?#@:\"']*)(:(?P<password>[^\s/?#\"']*))?@", re.IGNORECASE
)
_QUERY = re.compile(r"(?P<before>[?&](?P<name>[^\s=&#\"']+)=)(?P<value>[^\s&#\"']+)")

_known: set[str] = set()
_make_record = logging.getLogRecordFactory()


def is_secret_name(name: str) -> bool:
    """Return True if what is called `name` is most likely a secret."""
    return bool(NAMES.search(name)) and not OF_TEXT.search(name)


def redacted(data: Any, name: str = "") -> Any:
    """Return plain `data` with `HIDDEN` in the place of each secret.

    Args:
        data: Text, numbers, lists and mappings.
        name: What the data is called.
    """
    if isinstance(data, Mapping):
        return {key: redacted(value, str(key)) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [redacted(value, name) for value in data]
    if not isinstance(data, str):
        return data
    return HIDDEN if is_secret_name(name) and data and not is_reference(data) else _without_url_secrets(data)


def plain(data: Any) -> Any:
    """Return `data` in the form in which `redacted` gives it, with its secrets."""
    if isinstance(data, Mapping):
        return {key: plain(value) for key, value in data.items()}
    return [plain(value) for value in data] if isinstance(data, (list, tuple)) else data


def is_reference(text: str) -> bool:
    """Return True if `text` only names a variable of the environment: ``${HF_TOKEN}``."""
    return bool(re.fullmatch(r"\$\{\w+\}", text))


def secrets_in(data: Any, name: str = "") -> Iterator[str]:
    """Give the secrets of plain `data`, which is called `name`."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from secrets_in(value, str(key))
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from secrets_in(value, name)
    elif isinstance(data, str):
        if is_secret_name(name):
            yield data
        for found in _USER.finditer(data):
            yield from filter(None, (found["password"] or _lone_user(found),))
        for found in _QUERY.finditer(data):
            if is_secret_name(unquote(found["name"])):
                yield found["value"]


def hide(*secrets: str) -> None:
    """Keep `secrets`, from now on, out of what `redact` gives, and so of all that this process logs."""
    found = {form for secret in secrets for form in (secret, unquote(secret)) if len(form) >= LEAST}
    if found - _known:
        logging.setLogRecordFactory(_record)
    _known.update(found)


def hidden() -> tuple[str, ...]:
    """Return what is kept out of text: another process of the sweep needs to know it, too."""
    return tuple(sorted(_known))


def redact(text: str) -> str:
    """Return `text` with `HIDDEN` in the place of what is known to be secret, and of passwords in URLs."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _without_url_secrets(text) if "://" in text else text


def _without_url_secrets(text: str) -> str:
    def user(found: re.Match[str]) -> str:
        if is_reference(found["password"] or found["user"]):
            return found.group()
        if found["password"]:
            return f"{found['before']}{found['user']}:{HIDDEN}@"
        return f"{found['before']}{HIDDEN}@" if _lone_user(found) else found.group()

    def query(found: re.Match[str]) -> str:
        is_open = is_reference(found["value"]) or not is_secret_name(unquote(found["name"]))
        return found.group() if is_open else f"{found['before']}{HIDDEN}"

    return _QUERY.sub(query, _USER.sub(user, text))


def _lone_user(found: re.Match[str]) -> str:
    """A user without a password, where that is how a token is given."""
    return found["user"] if found["before"].lower().startswith("http") else ""


def _record(*args: Any, **options: Any) -> logging.LogRecord:
    record = _make_record(*args, **options)
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # whoever logs has made a mistake, which logging tells
        return record
    record.msg, record.args = redact(text), ()
    return record
