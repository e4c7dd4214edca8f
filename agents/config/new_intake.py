"""An intake by the settings: whoever makes rows of live records makes them alike."""

from agents.config.seniority_file import credit_table
from agents.config.settings import Settings
from agents.config.sources_file import permissions
from pipeline.intake.record_intake import Intake


def new_intake(settings: Settings, horizon_ms: int | None) -> Intake:
    """An intake of live records; horizon_ms: `Clock.horizon_ms`. Raises UserError when a file can't be used."""
    return Intake(
        settings.hash_seed,
        int(settings.ahead_s * 1000),
        credit_table(settings),
        horizon_ms,
        permissions=permissions(settings),
    )
