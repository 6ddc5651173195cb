"""The bookshop in FastAPI, with the event as a pydantic model."""

from fastapi import FastAPI, Request
from pydantic import BaseModel

from apps.shelf import add_books, note


class Bucket(BaseModel):
    name: str


class Object(BaseModel):
    key: str
    size: int


class Upload(BaseModel):
    bucket: Bucket
    object: Object


class Record(BaseModel):
    s3: Upload


class S3Event(BaseModel):
    Records: list[Record]


class Added(BaseModel):
    books: list[str]


application = FastAPI()


@application.post("/aws.s3", status_code=201)
async def uploaded(event: S3Event, request: Request) -> Added:
    note(request.method, request.url.path, request.headers, await request.json(), request.scope)
    return Added(books=add_books(event.model_dump()))
