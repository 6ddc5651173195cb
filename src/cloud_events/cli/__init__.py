"""The command line: ``cloud-events routes``, ``match`` and ``invoke``."""

from .command import main as main
