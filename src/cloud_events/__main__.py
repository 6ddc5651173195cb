"""``python -m cloud_events`` is ``cloud-events``."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
