"""What each scheduler will really do with a contract: predicted from the compiled artefact, compared with the contract.

Pure: dialects are handed in, nothing is read or written.
"""

from __future__ import annotations

from purista.fidelity.fleet import judge_fleet
from purista.fidelity.herd import Herd, herd
from purista.fidelity.model import Around, Cell, Miss, Report, Row, Rule, Verdict

__all__ = ["Around", "Cell", "Herd", "Miss", "Report", "Row", "Rule", "Verdict", "herd", "judge_fleet"]
