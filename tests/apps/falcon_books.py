"""The bookshop in Falcon, which has both a WSGI and an ASGI application."""

import falcon
import falcon.asgi

from apps.shelf import add_books, note


class Uploads:
    def on_post(self, request, response):
        event = request.media
        note(request.method, request.path, request.headers, event, request.env)
        response.media = {"books": add_books(event)}
        response.status = falcon.HTTP_201


class AsyncUploads:
    async def on_post(self, request, response):
        event = await request.get_media()
        note(request.method, request.path, request.headers, event, request.scope)
        response.media = {"books": add_books(event)}
        response.status = falcon.HTTP_201


application = falcon.App()
application.add_route("/aws.s3", Uploads())

asgi_application = falcon.asgi.App()
asgi_application.add_route("/aws.s3", AsyncUploads())
