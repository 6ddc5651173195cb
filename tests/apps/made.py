"""Handlers made in code, for applications that no setting names."""

from apps.obedient import asgi, wsgi
from cloud_events import make_handler

wsgi_handler = make_handler(wsgi)
asgi_handler = make_handler(asgi, response="native")
