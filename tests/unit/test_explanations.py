"""The examples in the explanations are run: what they show is what comes out."""

import doctest

import pytest

import pipeline.cohorts.kinds
import pipeline.cohorts.rank
import pipeline.common.points
import pipeline.common.rubric_id
import pipeline.common.suggestions
import pipeline.reports.apportion
import pipeline.reports.member_trial
import pipeline.reports.rubric_comparison
import pipeline.rubric.toml_lines
import pipeline.scoring.bands
import pipeline.scoring.decay
import pipeline.scoring.reference
from tests.kit.shown_output import GIVEN


def test_how_the_score_works(pytestconfig):
    page = pytestconfig.rootpath / "docs" / "explanation" / "score.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, globs=dict(GIVEN))
    assert tried > 8
    assert not failed


def test_ranks(pytestconfig):
    page = pytestconfig.rootpath / "docs" / "explanation" / "ranks.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried
    assert not failed


MODULES = [
    pipeline.cohorts.kinds,
    pipeline.cohorts.rank,
    pipeline.reports.apportion,
    pipeline.scoring.bands,
    pipeline.rubric.toml_lines,
    pipeline.common.points,
    pipeline.common.rubric_id,
    pipeline.common.suggestions,
    pipeline.scoring.reference,
    pipeline.reports.member_trial,
    pipeline.scoring.decay,
    pipeline.reports.rubric_comparison,
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
