"""An ASGI application that says when it lives, and when it is asked; an event may have it wait, or fail."""

import asyncio
import json

LIVES = []


async def application(scope, receive, send):
    print(scope["type"])
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            LIVES.append(step)
            print(step)
            await send({"type": f"lifespan.{step}.complete"})
        return
    event = json.loads((await receive())["body"])
    await asyncio.sleep(event.get("wait", 0))
    if "raise" in event:
        raise LookupError(event["raise"])
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps({"path": scope["path"], "event": event}).encode()})
