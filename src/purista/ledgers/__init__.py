"""Remember and compare-and-set. A ledger knows no policy: what is due, late or in the way is decided in ``gateway``."""
