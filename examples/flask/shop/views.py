"""What is at which URL: one for people, and for a direct call of the function; one for the queue."""

import json
from typing import Any

from flask import Blueprint, abort, request

from cloud_events import events_only
from shop import stock

blueprint = Blueprint("shop", __name__)


@blueprint.route("/", methods=["GET", "POST"])
def shelf() -> dict[str, Any]:
    """Answer what is left, and how many orders were served."""
    with stock.transaction() as database:
        return {"stock": stock.left(database), "orders": stock.served(database)}


@blueprint.post("/aws.sqs")
@events_only  # everybody else gets a 404
def orders() -> tuple[str, int]:
    """Serve messages such as {"article": "tea", "quantity": 2}.

    CLOUD_EVENTS_DELIVERY=record sends one message a request. One that cannot be served is answered with 409: SQS keeps
    that message, and no other, and sends it again later.
    """
    with stock.transaction() as database:
        for message in request.get_json()["Records"]:
            order = json.loads(message["body"])
            try:
                stock.take(database, message["messageId"], order["article"], order["quantity"])
            except stock.SoldOut as reason:
                abort(409, str(reason))
    return "", 204
