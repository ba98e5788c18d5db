"""The public corpus: what is due when, with the rule behind it, to hold any scheduler against. See docs/corpus.md.

A test of a scheduler of yours, one case each::

    import pytest
    from purista.testing.corpus import Case, cases

    @pytest.mark.parametrize("case", cases(rule="gap-fixed"), ids=str)
    def test_mine(case: Case) -> None:
        if not case.holds:
            pytest.skip("this machine's tz database has other changes of clocks there")
        case.check(my_instants(case.expression, case.timezone, case.start, case.end))

or all of them at once: ``assert_conforms(my_instants_of_a_case)``. A dialect is judged by :func:`conform`.
"""

from __future__ import annotations

from purista.conformance import Case, Origin, Outcome, Rule, Verdict, assert_conforms, cases, conform, judge, rules

__all__ = ["Case", "Origin", "Outcome", "Rule", "Verdict", "assert_conforms", "cases", "conform", "judge", "rules"]
