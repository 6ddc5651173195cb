"""The WSGI application; WSGI_APPLICATION names it."""

from shop import create_app

application = create_app()
