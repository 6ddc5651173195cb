"""The command line: ``cloud-events routes``, ``match`` and ``invoke``."""

from __future__ import annotations

from .command import main as main
