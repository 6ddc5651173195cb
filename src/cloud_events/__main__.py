"""``python -m cloud_events`` is ``cloud-events``."""

import sys

from .cli import main

sys.exit(main())
