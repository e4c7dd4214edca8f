"""Which settings of a secured connection go together, and the secrets among them.

A secret is given directly or as a file. Files are read when they are needed, not at the start, so that they
can change while a worker runs.
"""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agents.config.errors import UserError

_PREFIX = "PILLARSCORE_"
_TLS = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_key_password", "ssl_key_password_file")
_PASSWORD = ("sasl_username", "sasl_password", "sasl_password_file")
_ENDPOINT = (
    *("sasl_oauth_client_id", "sasl_oauth_client_secret", "sasl_oauth_client_secret_file"),
    *("sasl_oauth_scope", "sasl_oauth_cafile"),
)
_OAUTH = ("sasl_oauth_token_file", "sasl_oauth_token_endpoint", *_ENDPOINT)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + name.upper()


def problem(settings: Any) -> str | None:
    """What does not fit together in the settings of the connection, one line with what to set; None: nothing."""
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    tls, sasl = protocol.endswith("SSL"), protocol.startswith("SASL")
    for secret in ("ssl_key_password", "sasl_password", "sasl_oauth_client_secret", "web_token"):
        if _given(settings, secret) and _given(settings, f"{secret}_file"):
            return f"{variable(secret)} and {variable(secret)}_FILE are both set: set one of them"
    if not tls and (name := _first(settings, _TLS)):
        return f"{variable(name)} has no effect with PILLARSCORE_SECURITY_PROTOCOL={protocol}: set SSL or SASL_SSL"
    if not sasl and (name := _first(settings, ("sasl_mechanism", *_PASSWORD, *_OAUTH))):
        return (
            f"{variable(name)} has no effect with PILLARSCORE_SECURITY_PROTOCOL={protocol}: "
            "set SASL_SSL or SASL_PLAINTEXT"
        )
    if settings.web_tls_keyfile and not settings.web_tls_certfile:
        return "PILLARSCORE_WEB_TLS_KEYFILE is set without PILLARSCORE_WEB_TLS_CERTFILE: set both"
    if settings.ssl_keyfile and not settings.ssl_certfile:
        return "PILLARSCORE_SSL_KEYFILE is set without PILLARSCORE_SSL_CERTFILE: set both"
    if (name := _first(settings, _TLS[3:])) and not settings.ssl_certfile:
        return f"{variable(name)} is set without PILLARSCORE_SSL_CERTFILE: set both"
    if not sasl:
        return None
    if mechanism is None:
        return (
            f"PILLARSCORE_SECURITY_PROTOCOL={protocol} needs PILLARSCORE_SASL_MECHANISM: "
            "set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        )
    return _oauth(settings) if mechanism == "OAUTHBEARER" else _password(settings, mechanism)


def _password(settings: Any, mechanism: str) -> str | None:
    if name := _first(settings, _OAUTH):
        return f"{variable(name)} has no effect with PILLARSCORE_SASL_MECHANISM={mechanism}: set OAUTHBEARER"
    if not settings.sasl_username:
        return f"PILLARSCORE_SASL_MECHANISM={mechanism} needs PILLARSCORE_SASL_USERNAME"
    if not _first(settings, _PASSWORD[1:]):
        return (
            f"PILLARSCORE_SASL_MECHANISM={mechanism} needs PILLARSCORE_SASL_PASSWORD or "
            "PILLARSCORE_SASL_PASSWORD_FILE"
        )
    return None


def _oauth(settings: Any) -> str | None:
    if name := _first(settings, _PASSWORD):
        return f"{variable(name)} has no effect with PILLARSCORE_SASL_MECHANISM=OAUTHBEARER: remove it"
    file, endpoint = settings.sasl_oauth_token_file, settings.sasl_oauth_token_endpoint
    if bool(file) == bool(endpoint):
        return (
            "PILLARSCORE_SASL_MECHANISM=OAUTHBEARER needs either PILLARSCORE_SASL_OAUTH_TOKEN_FILE or "
            "PILLARSCORE_SASL_OAUTH_TOKEN_ENDPOINT"
        )
    if file:
        name = _first(settings, _ENDPOINT)
        return name and f"{variable(name)} is for PILLARSCORE_SASL_OAUTH_TOKEN_ENDPOINT, which is not set"
    if not settings.sasl_oauth_client_id:
        return "PILLARSCORE_SASL_OAUTH_TOKEN_ENDPOINT needs PILLARSCORE_SASL_OAUTH_CLIENT_ID"
    if not _first(settings, _ENDPOINT[1:3]):
        return (
            "PILLARSCORE_SASL_OAUTH_TOKEN_ENDPOINT needs PILLARSCORE_SASL_OAUTH_CLIENT_SECRET or "
            "PILLARSCORE_SASL_OAUTH_CLIENT_SECRET_FILE"
        )
    return None


def _given(settings: Any, name: str) -> bool:
    return getattr(settings, name) not in (None, "")


def _first(settings: Any, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if _given(settings, name)), None)


def secret(settings: Any, name: str) -> str:
    """A secret, by the name of its setting, from there or from the file beside it; empty when neither is set.

    Raises UserError when the file can't be read or holds nothing.
    """
    value: SecretStr | None = getattr(settings, name)
    if value is not None:
        return value.get_secret_value()
    file: Path | None = getattr(settings, f"{name}_file")
    return "" if file is None else content(f"{name}_file", file)


def content(name: str, file: Path) -> str:
    """The text of a file that a setting names, without the line break at its end. Raises UserError."""
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise UserError(f"{variable(name)}={file}: {reason(error)}") from None
    if not text:
        raise UserError(f"{variable(name)}={file}: the file is empty")
    return text


def reason(error: Exception) -> str:
    """Why a file can't be read, without the file's content."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "is not UTF-8 text"
