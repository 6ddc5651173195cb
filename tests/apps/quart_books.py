"""The bookshop in Quart."""

from quart import Quart, request

from apps.shelf import add_books, note

application = Quart(__name__)


@application.post("/aws.s3")
async def uploaded():
    event = await request.get_json()
    note(request.method, request.path, request.headers, event, request.scope)
    return {"books": add_books(event)}, 201
