"""LangSmith's ingestion protocol on loopback, run as a child process: keeps what is posted.

`GET /seen` tells it. Prints its port, ends when its standard input closes.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN = []
BATCHES = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 20_000_000,
    "scale_up_nthreads_limit": 4,
    "scale_up_qsize_trigger": 1000,
    "scale_down_nempty_trigger": 4,
}
INFO = {"version": "0.13.0", "batch_ingest_config": BATCHES}


class Ingestion(BaseHTTPRequestHandler):
    def do_GET(self):
        self._reply(SEEN if self.path == "/seen" else INFO)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        SEEN.append({"path": self.path, "body": raw.decode(errors="replace")})
        self._reply({})

    def do_PATCH(self):
        self.do_POST()

    def _reply(self, payload):
        raw = json.dumps(payload).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        """Keeps quiet."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ingestion)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
