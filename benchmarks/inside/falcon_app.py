"""A Falcon application with one route for S3 events."""

import falcon


class S3:
    def on_post(self, request, response):
        response.media = {}


application = falcon.App()
application.add_route("/aws.s3", S3())
