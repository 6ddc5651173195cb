"""INTERFACE. A Request → a call of the application → its Response, by WSGI or by ASGI."""
