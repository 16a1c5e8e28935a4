import logging

import pytest

from pipelines import redaction
from pipelines.redaction import HIDDEN, hidden, hide, is_secret_name, redact, redacted, secrets_in


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("token", True),
        ("hf_token", True),
        ("API-KEY", True),
        ("aws_secret_access_key", True),
        ("db.password", True),
        ("X-Amz-Signature", True),
        ("pad_token", False),
        ("eos_token", False),
        ("tokenizer", False),
        ("max_tokens", False),
        ("design", False),
        ("keyboard", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("url", "public", "secrets"),
    [
        ("postgresql://ml:s3cr%21t@db:5432/runs", "postgresql://ml:***@db:5432/runs", ["s3cr%21t"]),
        ("https://ghp_abcdef@host/x", "https://***@host/x", ["ghp_abcdef"]),
        ("postgresql://ml@db/runs", "postgresql://ml@db/runs", []),
        ("s3://bucket/a?region=eu&token=abcdef", "s3://bucket/a?region=eu&token=***", ["abcdef"]),
        ("https://host:5000/a@b", "https://host:5000/a@b", []),
        ("mail me at a@b.example", "mail me at a@b.example", []),
    ],
    ids=["password", "token as user", "user", "query", "path", "no url"],
)
def test_urls_lose_their_secrets_only(url: str, public: str, secrets: list[str]) -> None:
    assert redacted(url) == public
    assert list(secrets_in(url)) == secrets
    assert redact(f"cannot reach {url}") == f"cannot reach {public}"


def test_plain_data_keeps_its_form() -> None:
    data = {
        "name": "x",
        "hf_token": "hf_abc",
        "nested": [{"password": "pw"}, 3, None],
        "token": 5,
        "secret": "${TOKEN}",
    }
    assert redacted(data) == {**data, "hf_token": HIDDEN, "nested": [{"password": HIDDEN}, 3, None]}
    assert redacted(redacted(data)) == redacted(data)


def test_what_is_hidden_is_told_in_no_form(caplog: pytest.LogCaptureFixture) -> None:
    hide("planted%21secret", "short")
    assert hidden() == ("planted!secret", "planted%21secret")
    assert redact("a planted!secret b planted%21secret c short") == "a *** b *** c short"
    logging.getLogger("somebody").warning("with %s in it", "planted!secret")
    assert caplog.messages == ["with *** in it"]
