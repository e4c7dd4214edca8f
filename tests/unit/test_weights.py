"""The weights are what they are defined to be, exactly, and so the same on every machine."""

import hashlib

import pytest

from pipeline.scoring.decay import ONE, root, weights


@pytest.mark.parametrize("half_life", [*range(1, 31), 45, 60, 89, 90, 91, 180, 365])
def test_each_weight_is_the_greatest_that_is_not_too_great(half_life):
    for age, weight in enumerate(weights(half_life)):
        # weight / 2**20 <= 2**(-age / half_life) < (weight + 1) / 2**20, without roots
        assert weight**half_life * 2**age <= ONE**half_life < (weight + 1) ** half_life * 2**age


@pytest.mark.parametrize("half_life", [None, 1, 14, 60, 365])
def test_weights_fall_from_one_over_the_window(half_life):
    table = weights(half_life)
    assert len(table) == 90
    assert table[0] == ONE
    assert list(table) == sorted(table, reverse=True)


def test_no_half_life_means_no_fading():
    assert set(weights(None)) == {ONE}


def test_a_half_life_of_no_days_is_refused():
    with pytest.raises(ValueError, match="at least 1 day"):
        weights(0)


def test_every_table_is_the_one_that_scores_were_made_with():
    """The digest of all tables: a change of it would change scores that have been given out."""
    text = repr([weights(half_life) for half_life in range(1, 366)])
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "dc4885de6e6ca40f7b4f47d60762eb6bcc68d89b3416a6a65176b656731108d9"
    )


@pytest.mark.parametrize("guess", [0, 1, 99, 100, 101, 5_000])
def test_a_root_is_exact_from_any_guess(guess):
    assert root(100**5, 5, guess) == 100
    assert root(100**5 - 1, 5, guess) == 99
    assert root(0, 3, guess) == 0
