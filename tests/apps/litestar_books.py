"""The bookshop in Litestar."""

from typing import Any

from litestar import Litestar, Request, post
from litestar.params import JSONBody

from apps.shelf import add_books, note


@post("/aws.s3")
async def uploaded(data: JSONBody[dict[str, Any]], request: Request) -> dict[str, list[str]]:
    note(request.method, request.url.path, request.headers, data, request.scope)
    return {"books": add_books(data)}


# Litestar's own logging would replace that of the process, which is the tests'.
application = Litestar([uploaded], logging_config=None)
