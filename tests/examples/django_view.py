"""Django: a view that blocks, an async one, and a stream. The system is opened once, as this module is loaded.

Settings: `MIDDLEWARE = ["django_view.Refusals"]`. Without it, a refusal is a 500.
"""

import atexit
import json
from contextlib import ExitStack

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.csrf import csrf_exempt
from shop_agent import shop

from adjourn import AdjournError, open_threaded_system
from adjourn.protocol import RunNotFound

stack = ExitStack()
system = stack.enter_context(open_threaded_system([shop]))
atexit.register(stack.close)


class Refusals(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        if not isinstance(error, AdjournError):
            return None
        status = 404 if isinstance(error, RunNotFound) else 409
        return JsonResponse({"type": error.type, "detail": str(error)}, status=status)


@csrf_exempt
def start(request: HttpRequest, order_id: int) -> JsonResponse:
    run = system.start("shop", f"Refund order {order_id}.")
    return JsonResponse({"run": run.id, "status": run.wait().status})


@csrf_exempt
async def decide(request: HttpRequest, run_id: str) -> JsonResponse:
    reply = await system.asyncio.resume(run_id, json.loads(request.body))
    return JsonResponse({"seq": reply.seq})


async def events(request: HttpRequest, run_id: str) -> StreamingHttpResponse:
    run = system.asyncio.run(run_id)
    await run.snapshot()  # raises RunNotFound before the response begins
    return StreamingHttpResponse(run.sse(), content_type="text/event-stream")


urlpatterns = [
    path("refunds/<int:order_id>", start),
    path("runs/<str:run_id>/decision", decide),
    path("runs/<str:run_id>/events", events),
]
