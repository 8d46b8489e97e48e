"""Sends of 4.x producers (SEND_MESSAGE_V2, code 310), one after the other on one connection."""

import time

from .remoting import RemotingSocket

SEND_MESSAGE_V2 = 310


def send(
        connection: RemotingSocket, topic: str, body: bytes, queue: int = 0, properties: str = "", sys_flag: int = 0) -> dict:
    """The answer's header."""
    fields = {
        "a": "it-producer", "b": topic, "c": "TBW102", "d": "4", "e": str(queue), "f": str(sys_flag),
        "g": str(int(time.time() * 1000)), "h": "0", "i": properties, "j": "0", "k": "false", "m": "false",
    }
    return connection.call(SEND_MESSAGE_V2, fields, body)[0]
