"""Tokens of a token endpoint: fetched once, and again in time."""

import time

import pytest
from pydantic import SecretStr

from agents.config.settings import Settings
from agents.connection.oauth_tokens import TokenEndpoint
from tests.kit.secured_kafka import token_server


async def test_a_token_is_fetched_again_after_half_its_time_and_after_a_suspension(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with token_server(600) as server:
        settings = Settings(
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="OAUTHBEARER",
            sasl_oauth_token_endpoint=server.address,
            sasl_oauth_client_id="pillarscore",
            sasl_oauth_client_secret=SecretStr(server.secret),
            sasl_oauth_scope="kafka",
        )
        tokens = TokenEndpoint(settings)
        first = await tokens.token()
        assert await tokens.token() == first
        assert server.issued == 1
        for clock in ("monotonic", "time"):
            before, shown = server.issued, getattr(time, clock)
            with monkeypatch.context() as later:
                later.setattr(time, clock, lambda shown=shown: shown() + 301)
                await tokens.token()
            assert server.issued == before + 1, f"half of its time is over by {clock}"
