"""Model APIs, one module each: build the request, decode the stream. Bytes in, events out; no I/O."""
