"""Explains why an application refused an event: the likely cause, the remedy, and an excerpt of the answer."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

from .errors import EventFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Request, Response

DJANGO_BODY_LIMIT = 2_621_440  # bytes; the default of DATA_UPLOAD_MAX_MEMORY_SIZE


def failure(request: Request, response: Response, hint: str = "") -> EventFailed:
    """Return the error for *response*; *hint* replaces the likely cause."""
    hint = hint or diagnose(request, response, response.body[:100_000].decode("utf-8", "replace"))
    return EventFailed(response.status, request.path, request.delivery.matcher, excerpt(response.body), hint)


def diagnose(request: Request, response: Response, body: str) -> str:
    """Return one sentence on the likely cause and the remedy, or ""; *body* is the body of the response, as text."""
    hint = _HINTS.get(response.status, "")
    if callable(hint):
        return hint(request, response, body)
    return hint.format(path=request.path) or note(response.error)


def note(error: BaseException | None) -> str:
    """Return one sentence if the application raised *error* because events have no client address, or ""."""
    if isinstance(error, KeyError) and error.args == ("REMOTE_ADDR",):
        remedy = "WSGI_ENVIRON {'REMOTE_ADDR': …}"
    elif isinstance(error, AttributeError) and error.name == "host" and error.obj is None:
        remedy = "ASGI_SCOPE {'client': (…, 0)}"
    else:
        return ""
    return f"Events have no client address: if the application needs one, set {remedy} to one that it does not trust."


def excerpt(body: bytes) -> str:
    """Return the text of the *body* of an answer for an error message, without the event and without style sheets.

    A validation error of FastAPI or Pydantic repeats the event as ``input``, as ``body`` (in the handler that FastAPI's
    page "Handling Errors" shows), and the tag of a union in ``ctx`` and ``msg``. Of Django's DEBUG page, the title and
    the message of the exception are enough.
    """
    text = body.decode("utf-8", "replace")
    if text.startswith("{"):
        return _without_event(text)
    if "<style" in text:
        shown = re.findall(r'<title>(.*?)</title>|<pre class="exception_value">(.*?)</pre>', text, re.DOTALL)
        return ": ".join(html.unescape(" ".join("".join(each).split())) for each in shown) or text
    return text


def _without_event(text: str) -> str:
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        return ""  # an answer that is nested so deeply can only repeat the event
    if not isinstance(answer.get("detail"), list):
        return text
    answer.pop("body", None)
    for item in answer["detail"]:
        if isinstance(item, dict):
            for key in ("input", "ctx", "msg") if item.get("type") == "union_tag_invalid" else ("input", "ctx"):
                item.pop(key, None)
    return json.dumps(answer, ensure_ascii=False)


def _bad_request(request: Request, response: Response, body: str) -> str:
    if len(request.body) > DJANGO_BODY_LIMIT and ("Bad Request" in body or "RequestDataTooBig" in body):
        return (
            f"The body has {len(request.body):,} bytes, and Django refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE, "
            "2.5 MB by default: set it to 6 MB or more."
        )
    if "DisallowedHost" in body or "Invalid HTTP_HOST" in body or "<title>Bad Request (400)</title>" in body:
        return "Django does this when 'localhost', the SERVER_NAME of events, is not in ALLOWED_HOSTS: add it."
    if "is not trusted" in body:
        return "Flask does this when 'localhost', the SERVER_NAME of events, is not in TRUSTED_HOSTS: add it."
    if "invalid host header" in body.lower():
        return (
            "TrustedHostMiddleware (Litestar: AllowedHosts) refuses requests without a known Host: set one with "
            "ASGI_SCOPE {'headers': [(b'host', …)]}."
        )
    return ""


def _forbidden(request: Request, response: Response, body: str) -> str:
    if "CSRF" in body:
        return "Django's CSRF check refused the event: decorate the view with @events_only or @csrf_exempt."
    return "Events carry no credentials: exempt the view at this path from authentication, and let only events in."


def _redirect(request: Request, response: Response, body: str) -> str:
    target = response.header("location").partition("?")[0]
    if target.endswith(f"{request.path}/"):
        return (
            "The application redirects to the same path with a slash at the end, and redirects are not followed: "
            "declare the route without the slash."
        )
    if target.startswith("https://"):
        return (
            "The application redirects to HTTPS (Django: SECURE_SSL_REDIRECT), and redirects are not followed: "
            "mark events as secure with WSGI_ENVIRON {'wsgi.url_scheme': 'https'} or ASGI_SCOPE {'scheme': 'https'}."
        )
    return "The application redirects, perhaps to a login page, and redirects are not followed: answer at this path."


def _unprocessable(request: Request, response: Response, body: str) -> str:
    # FastAPI: where each fault is, such as ["query", "order"]
    if re.search(r'"loc": ?\[ ?"(query|header|cookie|path)"', body):
        return (
            "The view declares a parameter of the query, a header, a cookie or the path, which the request does not "
            "have: declare one for the whole body, such as event: dict."
        )
    return (
        "The event does not match the model that the view declares for the body: unless CLOUD_EVENTS_CONTENT_MODE says "
        "otherwise, the body is the whole event."
    )


_HINTS: dict[int, str | Callable[[Request, Response, str], str]] = {
    400: _bad_request,
    401: _forbidden,
    403: _forbidden,
    404: "The application has no route for this path, or the view itself answered 404: check that there is a route for "
    "POST {path}.",
    405: "The application has a route for this path, but not for this method: allow POST at {path}.",
    415: "The view does not accept the content type of the event, application/json by default: add a JSON parser, or "
    "set CONTENT_TYPE in WSGI_ENVIRON or the header content-type in ASGI_SCOPE.",
    422: _unprocessable,
    **dict.fromkeys((301, 302, 303, 307, 308), _redirect),
}
