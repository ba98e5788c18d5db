"""What is due when, as cases that any scheduler can be held against, and how a dialect does with them.

What belongs here: the corpus (its data files, how they are read, when a case holds) and the judgement of a dialect by it. What
does not: how it is shown (``cli``), and where its expected instants come from (``tests/conformance``).
"""

from purista.conformance.case import Case, Origin, Rule, assert_conforms, cases, rules
from purista.conformance.judge import Outcome, Verdict, conform, judge

__all__ = ["Case", "Origin", "Outcome", "Rule", "Verdict", "assert_conforms", "cases", "conform", "judge", "rules"]
