"""Settings as a container gets them: by environment variables alone."""

import os
from collections.abc import Mapping

import pytest

from agents.config.settings import PREFIX, Settings


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; UserError when one of its names or values is wrong."""
    with monkeypatch.context() as alone:
        for name in list(os.environ):
            if name.startswith(PREFIX):
                alone.delenv(name)
        for name, value in environment.items():
            if name.startswith(PREFIX):
                alone.setenv(name, value)
        return Settings.load()
