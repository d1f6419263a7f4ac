"""A server that manages models as Ollama 0.24 does, run as a child process: tags, ps, show, load, unload, chat.

`POST /set` changes what it says; `GET /seen` tells what it was asked. Ends when its standard input closes.
"""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTEXT = 256
SESSION_S = 300


class OllamaDouble:
    """The child process, and its remote control."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-u", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}{path}", data, timeout=10) as answer:
            return json.load(answer)

    def set(self, **what):
        self.ask("/set", what)

    def asked(self, path):
        return [body for line, body in self.ask("/seen") if line == path]

    @property
    def running(self):
        return [item["name"] for item in self.ask("/api/ps")["models"]]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


class Server:
    def __init__(self):
        self.tags = dict.fromkeys(("alpha:latest", "beta:latest", "gamma:latest", "embedder:latest"), 50000000)
        self.running = {}
        self.seen = []
        self.options = {"load_s": 0.0, "chat_s": 0.0, "broken": False}
        self.lock = threading.Lock()

    def set(self, what):
        if "running" in what:  # name -> (context, seconds until it expires, share on a card)
            self.running = {
                name: {"context": context, "expires": time.time() + left, "card": card}
                for name, (context, left, card) in what.pop("running").items()
            }
        self.options.update(what)

    def ps(self):
        rows = []
        for name, item in self.running.items():
            size = 60_000_000
            expires = datetime.fromtimestamp(item["expires"], UTC).isoformat().replace("+00:00", "123Z")
            sizes = {"size": size, "size_vram": int(size * item["card"]), "context_length": item["context"]}
            rows.append({"name": name, "expires_at": expires, **sizes})
        return {"models": rows}

    def load(self, name, body):
        """Seconds that it took; the session is what the request says, else what it was, else the default."""
        with self.lock:
            held = body.get("keep_alive")
            session = SESSION_S if not isinstance(held, int) else held if held >= 0 else 3e9
            context = (body.get("options") or {}).get("num_ctx") or CONTEXT
            known = self.running.get(name)
            waited = 0.0
            if known is None or known["context"] != context:
                waited = self.options["load_s"]
                time.sleep(waited)
            if known is not None and held is None:
                session = known.get("session", SESSION_S)
            self.running[name] = {"context": context, "expires": time.time() + session, "card": 0, "session": session}
            return waited

    def answer(self, path, body):
        if path == "/api/tags":
            return 200, {"models": [{"name": name, "size": size} for name, size in self.tags.items()]}
        if path == "/api/ps":
            return 200, self.ps()
        name = body.get("model", "")
        name = name if ":" in name else f"{name}:latest"
        if path == "/api/show":
            capability = "embedding" if name.startswith("embedder") else "completion"
            return 200, {"capabilities": [capability], "model_info": {}, "parameters": f"num_ctx {CONTEXT}"}
        if name not in self.tags:
            return 404, {"error": f"model '{name}' not found"}
        if self.options["broken"]:
            return 500, {"error": "model requires more system memory than is available"}
        return self.generate(name, body) if path == "/api/generate" else self.say(path, name, body)

    def generate(self, name, body):
        if body.get("keep_alive") == 0:
            self.running.pop(name, None)
            return 200, {"done": True, "done_reason": "unload"}
        if name.startswith("embedder"):
            return 400, {"error": f'"{name}" does not support generate'}
        self.load(name, body)
        return 200, {"done": True, "done_reason": "load"}

    def say(self, path, name, body):
        waited = self.load(name, body)
        if path == "/api/embed":
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            return 200, {"model": name, "embeddings": [[1.0, len(text) % 7, 0.5] for text in texts]}
        time.sleep(self.options["chat_s"])
        times = {"load_duration": int((waited + 0.002) * 1e9), "prompt_eval_duration": 1_000_000}
        said = {"message": {"role": "assistant", "content": "forty two"}, "done": True, "done_reason": "stop"}
        return 200, {"model": name, "created_at": "x", **said, **times, "prompt_eval_count": 30, "eval_count": 3}


def serve():
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(*((200, state.seen) if self.path == "/seen" else self.asked({})))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            if self.path == "/set":
                state.set(body)
                return self.reply(200, {})
            return self.reply(*self.asked(body))

        def asked(self, body):
            state.seen.append((self.path, body))
            return state.answer(self.path, body)

        def reply(self, status, payload):
            data = json.dumps(payload).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/x-ndjson" if self.path == "/api/chat" else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)  # noqa: T201
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    serve()
