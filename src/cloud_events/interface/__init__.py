"""INTERFACE. Calls the application with a Request, by WSGI or by ASGI, and returns its Response."""
