"""Links between processes: byte strings of known length over TCP, between those that share a key.

Nothing that comes over a link is unpickled or run. It is not encrypted.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import struct
import time

from tinygrad_cl.errors import ProcessError

_NONCE = 32
_LENGTH = struct.Struct("<Q")
_RANK = struct.Struct("<I")


class Link:
    """A connection to another process.

    Args:
        connection: a socket, with its timeout set.
        peer: the other's rank, for errors.
    """

    def __init__(self, connection: socket.socket, peer: int) -> None:
        self.connection = connection
        self.peer = peer
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, payload: bytes | bytearray | memoryview) -> None:
        """Sends bytes.

        Raises:
            ProcessError: if the other does not take them.
        """
        try:
            self.connection.sendall(_LENGTH.pack(len(payload)))
            self.connection.sendall(payload)
        except OSError as error:
            raise self._lost(error) from error

    def receive(self, length: int) -> bytearray:
        """Returns bytes from the other.

        Raises:
            ProcessError: if it sends none, or another number of them.
        """
        (coming,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if coming != length:
            raise ProcessError(
                f"distributed: process {self.peer} sends {coming} bytes where {length} were "
                "expected: all processes must call the same operations, in the same order, on "
                "tensors of the same shapes"
            )
        return self._exactly(length)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()

    def _exactly(self, length: int) -> bytearray:
        content = bytearray(length)
        view, done = memoryview(content), 0
        while done < length:
            try:
                got = self.connection.recv_into(view[done:])
            except OSError as error:
                raise self._lost(error) from error
            if not got:
                raise self._lost("it has ended")
            done += got
        return content

    def _lost(self, why: object) -> ProcessError:
        return ProcessError(f"distributed: process {self.peer} does not answer ({why})")


def gather(address: tuple[str, int], size: int, key: bytes, timeout: float) -> list[Link]:
    """Waits, as process 0, until all others have come; returns links to them in their order.

    Raises:
        ProcessError: if they do not come in time.
    """
    found: dict[int, Link] = {}
    deadline = time.monotonic() + timeout
    with socket.create_server(address, backlog=size) as server:
        while len(found) < size - 1:
            server.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                connection, _ = server.accept()
            except OSError as error:
                missing = sorted(set(range(1, size)) - set(found))
                for link in found.values():
                    link.close()
                raise ProcessError(
                    f"distributed: processes {missing} have not come within {timeout:g} s"
                ) from error
            connection.settimeout(timeout)
            rank = _welcome(connection, size, key)
            if rank is None or rank in found:
                connection.close()  # a stranger; the others are still awaited
            else:
                found[rank] = Link(connection, rank)
    return [found[rank] for rank in range(1, size)]


def join(address: tuple[str, int], rank: int, key: bytes, timeout: float) -> Link:
    """Goes, as another process, to process 0; returns the link to it.

    Raises:
        ProcessError: if it is not there in time, or has another key.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection = socket.create_connection(address, timeout=timeout)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"distributed: there is no process 0 at {address[0]}:{address[1]} ({error})"
                ) from error
            time.sleep(0.05)
    link = Link(connection, 0)
    try:
        _introduce(link, rank, key)
    except ProcessError:
        link.close()
        raise
    return link


def _introduce(link: Link, rank: int, key: bytes) -> None:
    """Shows process 0 that one knows the key, and sees that it does."""
    nonce, mine = link.receive(_NONCE), secrets.token_bytes(_NONCE)
    link.send(mine + _RANK.pack(rank) + _proof(key, b"join", nonce, mine, rank))
    answer = link.receive(_NONCE)
    if not hmac.compare_digest(answer, _proof(key, b"welcome", nonce, mine, rank)):
        raise ProcessError("distributed: process 0 has another key")


def _welcome(connection: socket.socket, size: int, key: bytes) -> int | None:
    """The rank of who comes with the right key; None for others."""
    link = Link(connection, -1)
    nonce = secrets.token_bytes(_NONCE)
    try:
        link.send(nonce)
        answer = bytes(link.receive(2 * _NONCE + _RANK.size))
        theirs, proof = answer[:_NONCE], answer[-_NONCE:]
        rank: int = _RANK.unpack(answer[_NONCE:-_NONCE])[0]
        right = hmac.compare_digest(proof, _proof(key, b"join", nonce, theirs, rank))
        if not right or not 0 < rank < size:
            return None
        link.send(_proof(key, b"welcome", nonce, theirs, rank))
    except ProcessError:
        return None
    return rank


def _proof(key: bytes, word: bytes, nonce: bytes | bytearray, other: bytes, rank: int) -> bytes:
    return hmac.digest(key, word + bytes(nonce) + other + _RANK.pack(rank), "sha256")
