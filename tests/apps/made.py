"""A handler made in code, for an application that no setting names."""

from apps.obedient import asgi
from cloud_events import make_handler

handler = make_handler(asgi, response="native")
