"""A Flask application with one route for S3 events."""

from flask import Flask

application = Flask(__name__)
application.post("/aws.s3")(dict)
