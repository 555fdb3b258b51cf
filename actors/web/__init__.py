"""Serves runs over HTTP: an ASGI app with JSON and server-sent events, and a server for it. Needs the extra `web`."""

from .app import web_app
from .serving import WebServer, serve_app, serve_web
from .stream import RunResponse

__all__ = ["RunResponse", "WebServer", "serve_app", "serve_web", "web_app"]
