"""A stand-in for ssh: `serve` runs what `call HOST COMMAND…` asks for, on the node of that address."""

import json
import os
import socket
import subprocess
import sys
import threading

PORT = 24002
SECRET = os.environ["SECRET"]


def serve():
    server = socket.create_server((os.environ["MUSTER_NODE_IP"], PORT))
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    with connection, connection.makefile("rw") as stream:
        wish = json.loads(stream.readline())
        if wish.get("secret") != SECRET:
            return
        done = subprocess.run(["sh", "-c", wish["command"]], stdin=subprocess.DEVNULL, stdout=connection.fileno(), stderr=connection.fileno())
        stream.write(f"\0{done.returncode}")


def call(host, command):
    with socket.create_connection((host, PORT), timeout=10) as connection:
        connection.settimeout(None)
        connection.sendall(json.dumps({"secret": SECRET, "command": command}).encode() + b"\n")
        said = b""
        while chunk := connection.recv(65536):
            said += chunk
    output, _, code = said.rpartition(b"\0")
    sys.stdout.buffer.write(output)
    sys.exit(int(code or 255))


if sys.argv[1] == "serve":
    serve()
else:
    options = sys.argv[2:]
    while options and options[0].startswith("-"):
        options.pop(0)
    call(options[0], " ".join(options[1:]))
