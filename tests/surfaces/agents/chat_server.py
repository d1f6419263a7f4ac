"""An OpenAI-compatible server for agents, run as a child process: it thinks by rules, and counts calls per model.

The model's name says how it fares: `down...` answers 200 with HTML (which LangChain tries again, and our gateway not),
`gone...` 404, `busy...` 500, `flaky-N...` fails N times and then answers; any other answers. `GET /seen` tells what was
asked, `POST /reset` forgets it. Prints its port, ends when its standard input closes.
"""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer:
    """The child process, and its remote control."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-u", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.api = f"{self.url}/v1"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}{path}", data, timeout=10) as answer:
            return json.load(answer)

    def reset(self):
        self.ask("/reset", {})

    def bodies(self, model=None):
        """What was asked, in order."""
        return [body for body in self.ask("/seen") if model in (None, body["model"])]

    def counts(self):
        """Model -> how often it was asked."""
        return dict(Counter(body["model"] for body in self.bodies()))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


def text_of(content):
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or ())


def called(name, **args):
    return {"call": {"name": name, "args": args}}


def thought(body):
    """What a sensible model would do: call the tool that the task names, else answer from what tools returned."""
    messages = body["messages"]
    start = max(i for i, m in enumerate(messages) if m["role"] == "user")
    told = [text_of(m["content"]) for m in messages[start:] if m["role"] == "tool"]
    asked, tools = text_of(messages[start]["content"]), tools_of(body)
    if body.get("response_format"):
        shape = body["response_format"]["json_schema"]["schema"]["properties"]
        return {"text": json.dumps({"tools": ["add"]} if "tools" in shape else {"total": 5})}
    if body["model"] == "summary":
        return {"text": "They spoke of sums."}
    said = wanted(asked, tools, told) or formed(tools, told)
    return said or {"text": f"It is {told[-1]}, tell bob@example.com" if told else f"You said: {asked}"}


def tools_of(body):
    """Name -> what it takes."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    return {function["name"]: function["parameters"]["properties"] for function in functions}


def wanted(asked, tools, told):
    """The tool call that the task asks for, if it was not made yet or failed."""
    first = not told or told[-1].startswith("Error")
    if "task" in tools and first and (found := re.match(r"delegate ([\w-]+): (.*)", asked)):
        return called("task", description=found[2], subagent_type=found[1])
    if "helper" in tools and first and (found := re.match(r"ask the helper: (.*)", asked)):
        return called("helper", question=found[1])
    if "add" in tools and first and (found := re.search(r"add (\d+) and (\d+)", asked)):
        return called("add", a=int(found[1]), b=int(found[2]))
    if "broken" in tools and "fail on" in asked and len(told) < 3:
        return called("broken", n=len(told))
    return None


def formed(tools, told):
    """The call of a tool that is the form of the answer; `Unhappy` is filled in wrongly at first."""
    for name, takes in tools.items():
        if "tools" in takes:
            return called(name, tools=["add"])
        if "total" in takes:
            return called(name, total="five" if name == "Unhappy" and not told else 5)
    return None


class Server:
    def __init__(self):
        self.seen = []
        self.asked = Counter()
        self.lock = threading.Lock()

    def answer(self, body):
        model = body["model"]
        with self.lock:
            self.seen.append(body)
            self.asked[model] += 1
            number = self.asked[model]
        if model.startswith("down"):
            return 200, "<html>login</html>"
        if model.startswith("gone"):
            return 404, {"error": {"message": "The model does not exist", "code": "model_not_found"}}
        if model.startswith("busy") or (model.startswith("flaky") and number <= int(model.split("-")[1])):
            return 500, {"error": {"message": "boom"}}
        return 200, thought(body)


USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


def message_of(said, number):
    if "text" in said:
        return {"role": "assistant", "content": said["text"]}, "stop"
    function = {"name": said["call"]["name"], "arguments": json.dumps(said["call"]["args"])}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"


def whole(body, said, number):
    message, reason = message_of(said, number)
    choice = {"index": 0, "message": message, "finish_reason": reason}
    head = {"id": str(number), "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": USAGE}


def events(body, said, number):
    message, reason = message_of(said, number)
    head = {"id": str(number), "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    pieces = [{"role": "assistant", "content": ""}]
    if message["content"] is not None:
        pieces += [{"content": word} for word in re.findall(r"\S+\s*", message["content"])]
    else:
        pieces += [{"tool_calls": [{"index": 0, **call} for call in message["tool_calls"]]}]
    for piece in pieces:
        yield {**head, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": USAGE}


class Handler(BaseHTTPRequestHandler):
    state = Server()

    def do_GET(self):
        self.reply(200, self.state.seen)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        if self.path == "/reset":
            self.state.seen, self.state.asked = [], Counter()
            return self.reply(200, {})
        code, said = self.state.answer(body)
        if code != 200 or isinstance(said, str):
            return self.reply(code, said)
        number = len(self.state.seen)
        if not body.get("stream"):
            return self.reply(200, whole(body, said, number))
        lines = "".join(f"data: {json.dumps(item)}\n\n" for item in events(body, said, number))
        return self.send(200, "text/event-stream", lines + "data: [DONE]\n\n")

    def reply(self, code, payload):
        if isinstance(payload, str):
            return self.send(code, "text/html", payload)
        return self.send(code, "application/json", json.dumps(payload))

    def send(self, code, kind, text):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        return None


class Server(ThreadingHTTPServer):
    """One that forty callers at once do not overrun: five may wait by default, the sixth is reset."""

    request_queue_size = 128


def serve():
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)  # noqa: T201
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    serve()
