"""Tokens for OAUTHBEARER: from a file that something else renews, or from a token endpoint.

The endpoint is asked by the client credentials grant (RFC 6749, section 4.4). A token is used for several
connections and replaced when half of its lifetime is over, so that no connection begins with one that is
about to expire.
"""

import asyncio
import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import lru_cache
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from agents.config.errors import UserError
from agents.config.secured import content, secret, variable
from agents.config.settings import Settings

LIFETIME_S = 300.0
"""Of a token whose endpoint does not say, in seconds."""
LARGEST = 1 << 20


class NoToken(KafkaConnectionError):
    """No token is to be had now; the text says why, without the secret."""

    def __str__(self) -> str:
        return str(self.args[0])


@lru_cache(maxsize=8)
def token_provider(settings: Settings) -> "TokenFile | TokenEndpoint":
    """The provider of the settings, shared by all clients. Raises UserError when a file is missing."""
    provider = TokenEndpoint(settings) if settings.sasl_oauth_token_endpoint else TokenFile(settings)
    provider.check()
    return provider


class TokenFile(AbstractTokenProvider):
    """The token that is in the file now."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.sasl_oauth_token_file

    def check(self) -> str:
        """The token. Raises UserError."""
        assert self._file is not None
        return content("sasl_oauth_token_file", self._file).strip()

    async def token(self) -> str:
        """The token. Raises NoToken."""
        try:
            return self.check()
        except UserError as error:
            raise NoToken(str(error)) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the client secret to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class TokenEndpoint(AbstractTokenProvider):
    """Tokens of a token endpoint. Clients of several threads and event loops may share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._token = ""
        self._until = (0.0, 0.0)

    def check(self) -> None:
        """Raise UserError when a file of the settings can't be read."""
        secret(self._settings, "sasl_oauth_client_secret")
        self._context()

    async def token(self) -> str:
        """A token that is good for a while. Raises NoToken."""
        return await asyncio.to_thread(self._current)

    def _current(self) -> str:
        with self._lock:
            # by both clocks: a machine that was suspended has a token that is older than the monotonic one says
            now = time.monotonic(), time.time()
            if any(one >= until for one, until in zip(now, self._until, strict=True)):
                self._token, lifetime_s = self._fetch()
                self._until = now[0] + lifetime_s / 2, now[1] + lifetime_s / 2
            return self._token

    def _context(self) -> ssl.SSLContext:
        file = self._settings.sasl_oauth_cafile
        if file is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cadata=content("sasl_oauth_cafile", file))
        except (ssl.SSLError, ValueError):
            raise UserError(
                f"{variable('sasl_oauth_cafile')}={file}: holds no CA certificates in PEM format"
            ) from None

    def _fetch(self) -> tuple[str, float]:
        """(a token, its lifetime in seconds)."""
        s = self._settings
        where = f"no token from {s.sasl_oauth_token_endpoint}"
        form = {"grant_type": "client_credentials"} | (
            {"scope": s.sasl_oauth_scope} if s.sasl_oauth_scope else {}
        )
        try:
            secrets = (s.sasl_oauth_client_id, secret(s, "sasl_oauth_client_secret"))
            pair = ":".join(urllib.parse.quote(text, safe="") for text in secrets)
            request = urllib.request.Request(
                s.sasl_oauth_token_endpoint,
                urllib.parse.urlencode(form).encode(),
                {
                    "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                    "Accept": "application/json",
                },
            )
            https = urllib.request.HTTPSHandler(context=self._context())
            opener = urllib.request.build_opener(_NoRedirects, https)
            with opener.open(request, timeout=min(10.0, s.request_timeout_s)) as answer:
                reply = json.loads(answer.read(LARGEST))
            token, lifetime_s = reply["access_token"], float(reply.get("expires_in", LIFETIME_S))
        except urllib.error.HTTPError as error:
            error.close()
            refused = error.code in (400, 401, 403)
            hint = f": check {variable('sasl_oauth_client_id')} and its secret" if refused else ""
            raise NoToken(f"{where}: it answers {error.code}{hint}") from None
        except UserError as error:
            raise NoToken(str(error)) from None
        except OSError as error:
            raise NoToken(f"{where}: {getattr(error, 'reason', None) or error}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NoToken(f"{where}: its answer holds no access_token") from None
        if not isinstance(token, str) or not token:
            raise NoToken(f"{where}: its answer holds no access_token")
        return token, lifetime_s
