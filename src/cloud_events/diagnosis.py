"""Why an application refused an event: the silent killers, told by their answers. Loaded when something has failed."""

from .errors import EventFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Request, Response

DJANGO_BODY_LIMIT = 2_621_440  # bytes; DATA_UPLOAD_MAX_MEMORY_SIZE unless set


def failure(request: "Request", response: "Response", hint: str = "") -> EventFailed:
    """The error that says what *response* was; *hint* overrides the likely cause."""
    text = response.body[:100_000].decode("utf-8", "replace")
    hint = hint or diagnose(request, response, text)
    return EventFailed(response.status, request.path, request.delivery.matcher, text, hint)


def diagnose(request: "Request", response: "Response", body: str) -> str:
    """One sentence on the likely cause and its remedy, or ""; *body* is that of the response, as text."""
    explain = _CAUSES.get(response.status)
    return explain(request, response, body) if explain else ""


def _bad_request(request: "Request", response: "Response", body: str) -> str:
    if len(request.body) > DJANGO_BODY_LIMIT and "Bad Request" in body:
        return (
            f"The body has {len(request.body):,} bytes; Django refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE, 2.5 MB "
            "unless set: raise it to 6 MB or more."
        )
    if "DisallowedHost" in body or "Invalid HTTP_HOST" in body or "<title>Bad Request (400)</title>" in body:
        return "Django answers so when 'localhost', the SERVER_NAME of events, is not in ALLOWED_HOSTS: add it."
    if "Invalid host header" in body:
        return (
            "TrustedHostMiddleware refuses requests without a known Host: send one, ASGI_SCOPE headers=[(b'host', …)]."
        )
    return ""


def _forbidden(request: "Request", response: "Response", body: str) -> str:
    if "CSRF" in body:
        return "Django's CSRF check refused the event: decorate the view with @events_only or @csrf_exempt."
    return "Events carry no credentials: exempt the view of this path from authentication, and let only events in."


def _redirect(request: "Request", response: "Response", body: str) -> str:
    location = response.header("location")
    target = location.partition("?")[0]
    if target.endswith(f"{request.path}/"):
        return (
            "The application redirects to the same path with a slash at the end; nobody follows: declare the route "
            "without that slash."
        )
    if target.startswith("https://"):
        return (
            "The application redirects to HTTPS (Django: SECURE_SSL_REDIRECT); nobody follows: say that events are "
            "secure, with WSGI_ENVIRON {'wsgi.url_scheme': 'https'} or ASGI_SCOPE {'scheme': 'https'}."
        )
    return "The application redirects (to a login page?); nobody follows: answer the event itself at this path."


def _no_route(request: "Request", response: "Response", body: str) -> str:
    return f"The application has no route for this path: add one for POST {request.path}."


def _no_method(request: "Request", response: "Response", body: str) -> str:
    return f"The application has a route for this path, but not for this method: allow POST at {request.path}."


def _media_type(request: "Request", response: "Response", body: str) -> str:
    return (
        "The view does not take the content type of the event, application/json unless set: add a JSON parser, or set "
        "CONTENT_TYPE in WSGI_ENVIRON."
    )


def _unprocessable(request: "Request", response: "Response", body: str) -> str:
    return "The event does not fit the model that the view declares for its body: the whole event is the body."


_CAUSES: "dict[int, Callable[[Request, Response, str], str]]" = {
    400: _bad_request,
    401: _forbidden,
    403: _forbidden,
    404: _no_route,
    405: _no_method,
    415: _media_type,
    422: _unprocessable,
    **dict.fromkeys((301, 302, 303, 307, 308), _redirect),
}
