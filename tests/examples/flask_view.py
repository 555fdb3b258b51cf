"""Flask: views that block. One process opens the store: `gunicorn --threads 8 flask_view:app`, no --preload."""

import atexit
from contextlib import ExitStack

from flask import Flask, Response, request
from shop_agent import shop

from adjourn import AdjournError, open_threaded_system
from adjourn.protocol import RunNotFound

stack = ExitStack()
system = stack.enter_context(open_threaded_system([shop]))
atexit.register(stack.close)

app = Flask(__name__)


@app.errorhandler(AdjournError)  # without it, a refusal is a 500
def refused(error: AdjournError) -> tuple[dict[str, str], int]:
    return {"type": error.type, "detail": str(error)}, 404 if isinstance(error, RunNotFound) else 409


@app.post("/refunds/<int:order_id>")
def start(order_id: int) -> dict[str, str]:
    run = system.start("shop", f"Refund order {order_id}.")
    return {"run": run.id, "status": run.wait().status}


@app.post("/runs/<run_id>/decision")
def decide(run_id: str) -> dict[str, int]:
    return {"seq": system.resume(run_id, request.get_json()).seq}


@app.get("/runs/<run_id>/events")
def events(run_id: str) -> Response:
    run = system.run(run_id)
    run.snapshot()  # raises RunNotFound before the response begins
    return Response(run.sse(), mimetype="text/event-stream")
