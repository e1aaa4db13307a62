"""A server with no more than the rendezvous: what ``serve --idle-exit`` does, and a counter.

``rendezvous_server.py COUNT_FILE --listen-fd N --lock-fd M --idle-exit``; a line is added to
COUNT_FILE for each server that ever ran.
"""

import fcntl
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

looks = 0


class Handler(BaseHTTPRequestHandler):
    """Answers with its own process number, and how often it has looked for clients."""

    def do_GET(self):
        said = {"pid": os.getpid(), "token": self.headers["Authorization"], "looks": looks}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(count_file, listen_fd):
    global looks
    with open(count_file, "a") as file:
        file.write(f"{os.getpid()}\n")
    server = HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket = socket.socket(fileno=listen_fd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    users = os.open(".hera/users.lock", os.O_RDWR)
    while True:
        time.sleep(0.05)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            looks += 1
            continue
        os.unlink(".hera/server.json")
        return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[sys.argv.index("--listen-fd") + 1]))
