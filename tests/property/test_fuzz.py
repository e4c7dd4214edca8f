"""100,000 inputs with bytes changed at random; `make fuzz MINUTES=n` tries more."""

import pytest

from tests.kit import fuzz

INPUTS = 100_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_input_breaks_a_rule():
    tried = dict.fromkeys(fuzz.TARGETS, 0)
    for name, count in fuzz.run(20_251_120, lambda total: total < INPUTS):
        tried[name] += count
    assert sum(tried.values()) >= INPUTS
    assert all(tried.values())
