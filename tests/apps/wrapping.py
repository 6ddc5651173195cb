"""A handler of one's own, around the library's."""

from cloud_events.handler import handler


def my_handler(event, context):
    return {"request": context.aws_request_id, "reply": handler(event, context)}
