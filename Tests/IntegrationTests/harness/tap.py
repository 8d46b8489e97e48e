"""A TCP forwarder that counts the remoting requests passing through it."""

import collections
import json
import socket
import struct
import threading


class RequestTap:
    """Listens on an address of its own and forwards to a program; `codes` counts the requests by their code.

    Linux answers on all of 127.0.0.0/8: a broker that listens on 127.0.0.1 and says that it is 127.0.0.2 is reached through
    a tap on the same port.
    """

    def __init__(self, host: str, port: int, target: tuple[str, int]):
        self.codes: collections.Counter = collections.Counter()
        self.bodies: dict[int, list[bytes]] = collections.defaultdict(list)
        self._target = target
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "RequestTap":
        return self

    def __exit__(self, *_) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            threading.Thread(target=self._pump, args=(client, server, self._count()), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, count) -> None:
        try:
            while data := source.recv(65536):
                if count:
                    count.send(data)
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _count(self):
        def reader():
            received = b""
            while True:
                received += yield
                while len(received) >= 8:
                    length, word = struct.unpack(">II", received[:8])
                    if len(received) < 4 + length:
                        break
                    head, kind = word & 0xFFFFFF, word >> 24
                    header, body = received[8:8 + head], received[8 + head:4 + length]
                    code = json.loads(header)["code"] if kind == 0 else struct.unpack(">h", header[:2])[0]
                    received = received[4 + length:]
                    with self._lock:
                        self.codes[code] += 1
                        self.bodies[code].append(body)

        made = reader()
        next(made)
        return made
