"""``python -m purista``."""

from purista.cli.main import main

raise SystemExit(main())
