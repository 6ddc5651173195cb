"""A dotted path → the object that it names; an application → the interface that it speaks."""

import asyncio
import functools
import sys

import pytest

from cloud_events import ConfigurationError
from cloud_events.application import interface_of, load

MODULES = {
    "__init__": "",
    "wsgi": "class Books:\n    class Views:\n        application = 'nested'\napplication = 'plain'\n",
    "broken": "import no_such_library",
    "lacking": "import shop.shelf.lamp",
    "nameless": "raise ModuleNotFoundError('no module, and no name')",
    "failing": "raise ValueError('the shelf is empty')",
    "leaving": "raise SystemExit(3)",
    "misspelt": "application = ",
    "vanishing": "import sys; del sys.modules[__name__]",
    "late": "def __getattr__(name): raise AttributeError('not in this season')",
}


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    """The package ``shop``, importable."""
    (tmp_path / "shop").mkdir()
    for name, source in MODULES.items():
        (tmp_path / "shop" / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("shop.wsgi.application", "plain"),
        ("shop.wsgi:application", "plain"),
        ("shop.wsgi:Books.Views.application", "nested"),
    ],
)
def test_load(path, found):
    """A path names an attribute of a module, with a dot or a colon; after a colon it may be nested."""
    assert load(path, "WSGI_APPLICATION") == found


NO_PATH = (
    "this is not a path to an object in a module; write the dotted name of the module and the object, for example "
    "'project.wsgi.application' or 'project.wsgi:application'"
)
BLANK = "remove the white space around the path"
NOT_FOUND = "not found; is it in the deployment package, and is the name spelled correctly?"
NOT_THERE = "which was not; is that in your requirements, and in the deployment package?"
FAULTS = {
    **dict.fromkeys(("", "application", "shop.wsgi.", ".wsgi.application", "shop..application"), NO_PATH),
    **dict.fromkeys(("shop.wsgi:", ":application", "shop:wsgi:application", "shop/wsgi.application"), NO_PATH),
    " shop.wsgi.application": BLANK,
    "shop.wsgi:application\n": BLANK,
    "store.wsgi.application": f"module 'store' {NOT_FOUND}",
    "shop.wsgy.application": f"module 'shop.wsgy' {NOT_FOUND}",
    "shop.wsgi.extra.application": f"module 'shop.wsgi.extra' {NOT_FOUND}",
    "shop.wsgi.Books.Views.application": (
        "'shop.wsgi.Books' is not a module but an object in one; write 'shop.wsgi:Books.Views.application'"
    ),
    "shop.broken.application": f"module 'shop.broken' was found, but it imports 'no_such_library', {NOT_THERE}",
    "shop.lacking.application": f"module 'shop.lacking' was found, but it imports 'shop.shelf', {NOT_THERE}",
    "shop.nameless.application": (
        "module 'shop.nameless' failed while it was imported: ModuleNotFoundError: no module, and no name"
    ),
    "shop.failing.application": "module 'shop.failing' failed while it was imported: ValueError: the shelf is empty",
    "shop.leaving.application": "module 'shop.leaving' failed while it was imported: SystemExit: 3",
    "shop.misspelt.application": (
        "module 'shop.misspelt' failed while it was imported: SyntaxError: invalid syntax (misspelt.py, line 1)"
    ),
    "shop.vanishing.application": "module 'shop.vanishing' failed while it was imported: KeyError: 'shop.vanishing'",
    "shop.wsgi": "'shop.wsgi' is a module; name the object in it, for example 'shop.wsgi.application'",
    "shop.wsgi.app": "module 'shop.wsgi' has no 'app'; check the name",
    "shop.wsgi:Books.application": "module 'shop.wsgi' has no 'Books.application'; check the name",
    "shop:wsgi.application": "module 'shop' has no 'wsgi.application'; check the name",
    "shop.late:application": "module 'shop.late' has no 'application'; check the name",
}


@pytest.mark.parametrize("path", FAULTS)
def test_faults(path):
    """The message names the setting, its value and the remedy; what the module raised is the cause."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, "WSGI_APPLICATION")
    assert str(caught.value) == f"WSGI_APPLICATION={path!r}: {FAULTS[path]}"
    assert (caught.value.__cause__ is None) == (FAULTS[path] in (NO_PATH, BLANK))


def test_a_module_that_failed_is_tried_again(tmp_path):
    """A module that failed is imported anew by the next call."""
    with pytest.raises(ConfigurationError):
        load("shop.failing.application", "WSGI_APPLICATION")
    (tmp_path / "shop" / "failing.py").write_text("application = 'the shelf is full'")
    assert load("shop.failing.application", "WSGI_APPLICATION") == "the shelf is full"


def wsgi(environ, start_response): ...


def wsgi_with_more(environ, start_response, charset="utf-8", *, debug=False): ...


def plain_asgi(scope, receive, send): ...


async def asgi(scope, receive, send): ...


async def asgi_of_any(*arguments): ...


def any_of(*arguments): ...


class Wsgi:
    def __call__(self, environ, start_response): ...

    @classmethod
    def of_the_class(cls, environ, start_response): ...


class Asgi:
    async def __call__(self, scope, receive, send): ...


class WsgiClass:
    def __init__(self, environ, start_response): ...


class Asgi2Class:
    def __init__(self, scope): ...


class Opaque:
    __signature__ = "none that Python knows"
    __call__ = functools.partial(any_of)


class Relayed(Wsgi):
    def __call__(self, *arguments): ...


def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)

    return wrapper


def adapted(function):
    @functools.wraps(function)
    def wrapper(environ, start_response):
        return asyncio.run(function(environ, None, start_response))

    return wrapper


@pytest.mark.parametrize(
    ("application", "interface"),
    [
        (wsgi, "wsgi"),
        (wsgi_with_more, "wsgi"),
        (plain_asgi, "asgi"),
        (asgi, "asgi"),
        (asgi_of_any, "asgi"),
        (any_of, None),
        (lambda: None, "factory"),
        (Wsgi(), "wsgi"),
        (Wsgi.of_the_class, "wsgi"),
        (Wsgi, "factory"),
        (Asgi(), "asgi"),
        (Asgi().__call__, "asgi"),
        (Relayed(), None),
        (WsgiClass, "wsgi"),
        (Asgi2Class, "asgi2"),
        (Opaque(), None),
        (functools.partial(wsgi_with_more, charset="latin-1"), "wsgi"),
        (functools.partial(functools.partial(asgi), {}), "asgi"),
        (functools.partial(any_of), None),
        (decorated(wsgi), "wsgi"),
        (decorated(asgi), "asgi"),
        (decorated(decorated(plain_asgi)), "asgi"),
        (adapted(asgi), "wsgi"),
        (functools.cache(wsgi), "wsgi"),
        (print, None),
    ],
    ids=lambda value: getattr(value, "__qualname__", type(value).__name__) if callable(value) else str(value),
)
def test_interface_of(application, interface):
    """The interface is detected from the arguments that a call needs, whatever kind of callable it is."""
    assert interface_of(application) == interface
