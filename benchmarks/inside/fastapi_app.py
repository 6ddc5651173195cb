"""A FastAPI application with one route for S3 events."""

from fastapi import FastAPI, Request

application = FastAPI()


@application.post("/aws.s3")
async def s3(request: Request):
    await request.body()
    return {}
