"""The module that a user of a peer deploys: the peer's lines of setup, around an application."""

import os
from importlib import import_module

application = import_module(os.environ["MODULE"]).application
exec(os.environ["SETUP"])
