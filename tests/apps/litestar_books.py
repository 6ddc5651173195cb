"""The bookshop in Litestar."""

from typing import Annotated, Any

from litestar import Litestar, Request, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from apps.shelf import add_books, note

Event = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.JSON)]


@post("/aws.s3")
async def uploaded(data: Event, request: Request) -> dict[str, list[str]]:
    note(request.method, request.url.path, request.headers, data, request.scope)
    return {"books": add_books(data)}


# Litestar's own logging would replace that of the process, which is the tests'.
application = Litestar([uploaded], logging_config=None)
