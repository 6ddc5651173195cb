"""The command line: ``cloud-events routes``, ``match``, ``invoke``, ``check``, ``serve`` and ``sample``."""

from __future__ import annotations

from .command import main as main
