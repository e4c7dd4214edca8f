"""What a connection to a secured Kafka needs: TLS context, user and password, tokens.

Everything that comes from a file knows its file and can be asked for what it holds now (`current`), which
`agents.kafka.connections` does for each new connection. So certificates, passwords and tokens are replaced
while a worker runs: write the new file, and every connection made from then on uses it.
"""

import os
import ssl
from pathlib import Path
from typing import Any, Self

import structlog

from agents.config.errors import UserError
from agents.config.secured import content, reason, secret, variable
from agents.config.settings import Settings
from agents.connection.oauth_tokens import token_provider

log = structlog.get_logger()
_contexts: dict[Any, tuple[Any, "FileContext"]] = {}
_passwords: dict[Any, str] = {}


def security(settings: Settings) -> dict[str, Any]:
    """The options of aiokafka's clients for this. Raises UserError when a file is missing or wrong."""
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = context(settings)
    if settings.sasl_mechanism is not None:
        options["sasl_mechanism"] = settings.sasl_mechanism
    if settings.sasl_mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = token_provider(settings)
    elif settings.sasl_mechanism is not None:
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = Password.of(settings)
    return options


class Password(str):
    """A password that can be read again from where it came from."""

    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The password of the settings; what it was before when the file can't be read any more.

        Raises UserError when it never could.
        """
        key = settings.sasl_password_file, settings.sasl_password
        try:
            _passwords[key] = secret(settings, "sasl_password")
        except UserError as error:
            if key not in _passwords:
                raise
            _warn(error)
        password = cls(_passwords[key])
        password.settings = settings
        return password

    def current(self) -> str:
        """What the file holds now."""
        return Password.of(self.settings)


class FileContext(ssl.SSLContext):
    """A TLS context made of files that can be made again when they have changed."""

    settings: Settings

    def current(self) -> "FileContext":
        """The context of what the files hold now."""
        return context(self.settings)


def _warn(error: UserError) -> None:
    log.warning("a file of the connection can't be used; what it held before is", error=str(error))


def context(settings: Settings) -> FileContext:
    """The TLS context of the settings, made again when one of its files has changed.

    While a changed file can't be used, as when it is half written, the context is the one before. Raises UserError
    when there is none.
    """
    s = settings
    files = [f for f in (s.ssl_cafile, s.ssl_certfile, s.ssl_keyfile, s.ssl_key_password_file) if f]
    key = (*files, s.ssl_check_hostname, s.ssl_key_password)
    stamps = [_stamp(file) for file in files]
    known = _contexts.get(key)
    if known is not None and known[0] == stamps:
        return known[1]
    try:
        made = _make(settings)
    except UserError as error:
        if known is None:
            raise
        _warn(error)
        return known[1]
    _contexts[key] = stamps, made
    return made


def _stamp(file: Path) -> Any:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _make(settings: Settings) -> FileContext:
    made = FileContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and host names
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = settings.ssl_check_hostname
    made.settings = settings
    if settings.ssl_cafile is None:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        pem = content("ssl_cafile", settings.ssl_cafile)
        try:
            made.load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError):
            raise UserError(
                f"{variable('ssl_cafile')}={settings.ssl_cafile}: holds no CA certificates in PEM format"
            ) from None
    if settings.ssl_certfile is not None:
        _load_certificate(made, settings)
    return made


def _load_certificate(made: ssl.SSLContext, settings: Settings) -> None:
    assert settings.ssl_certfile is not None
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile or settings.ssl_certfile
    for name, file in (("ssl_certfile", certificate), ("ssl_keyfile", key)):
        content(name, file)
    password, asked = secret(settings, "ssl_key_password"), False

    def answer() -> str:  # without it, OpenSSL asks at the terminal
        nonlocal asked
        asked = True
        return password

    try:
        made.load_cert_chain(certificate, key, answer)
    except (ssl.SSLError, OSError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            why = f"the key does not belong to the certificate in {certificate}"
        elif asked and not password:
            why = f"the key is encrypted: set {variable('ssl_key_password')} or its …_FILE"
        elif asked:
            why = f"wrong password of the key: correct {variable('ssl_key_password')} or its …_FILE"
        elif isinstance(error, ssl.SSLError):
            why = f"no certificate and key in PEM format (certificate: {certificate})"
        else:
            why = reason(error)
        raise UserError(f"{variable('ssl_keyfile')}={key}: {why}") from None
