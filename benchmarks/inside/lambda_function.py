"""The module that a user of a peer deploys: the peer's lines of setup, around a bare application."""

import os

import bare

application = getattr(bare, os.environ["INTERFACE"])
exec(os.environ["SETUP"])
