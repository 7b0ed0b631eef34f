#!/usr/bin/env python3
"""A worker for the tests of the local Lambda: speaks the Runtime API, does what the event says."""

import http.client
import json
import os
import sys
import time

if os.environ.get("FAIL_INIT") == "exit":
    print("no configuration", file=sys.stderr, flush=True)
    sys.exit(3)

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
ROOT = "/2018-06-01/runtime"


def call(method, path, body=None):
    api.request(method, ROOT + path, body)
    response = api.getresponse()
    return response.status, response.headers, response.read()


if os.environ.get("FAIL_INIT") == "report":
    call("POST", "/init/error", json.dumps({"errorType": "Config.Missing", "errorMessage": "no configuration"}))
    sys.exit(1)
if os.environ.get("FAIL_INIT") == "hang":
    time.sleep(600)

print("initialised", flush=True)
invocations = 0
while True:
    _, headers, body = call("GET", "/invocation/next")
    request = headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(body)
    invocations += 1
    op = event.get("op", "echo")
    print(f"op {op}", file=sys.stderr, flush=True)
    if op == "sleep":
        time.sleep(event["seconds"])
    if op == "exit":
        os._exit(event["code"])
    if op == "signal":
        os.kill(os.getpid(), event["signal"])
        time.sleep(600)
    if op == "allocate":
        block = b"x" * (event["mb"] << 20)
        time.sleep(event.get("seconds", 0))
        del block
    if op == "write":
        open(event["path"], "w").close()
    if op == "error":
        call("POST", f"/invocation/{request}/error", json.dumps({"errorType": "Bad.Thing", "errorMessage": "as asked"}))
        continue
    if op == "log":
        print("y" * event["bytes"], flush=True)
    answer = {
        "event": event if op != "discard" else None,
        "pid": os.getpid(),
        "invocations": invocations,
        "headers": {name: value for name, value in headers.items() if name.lower().startswith("lambda-")},
        "environment": dict(os.environ) if op == "environment" else {},
        "padding": "z" * event.get("answer_bytes", 0),
    }
    status, _, _ = call("POST", f"/invocation/{request}/response", json.dumps(answer))
    print(f"answered {status}", flush=True)
