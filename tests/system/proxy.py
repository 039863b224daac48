"""A TCP proxy that can cut its connections in the middle of whatever passes."""

import selectors
import socket
import struct
import threading


class Proxy:
    """Forwards 127.0.0.1:port to a server. cut_after(n): once n more bytes have passed, resets every connection.
    retarget(): the same address, another server."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self._lock = threading.Lock()
        self._budget = None
        self._cut_done = None
        self._then = None
        self._peers = {}
        self._selector = selectors.DefaultSelector()
        self._wake, waker = socket.socketpair()
        self._waker = waker
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._closing = False
        self._drop_all = False
        self._thread.start()

    def cut_after(self, count, then=None):
        """Returns an Event that is set when the cut has happened. then: (host, port) that the address answers for
        from the cut on."""
        with self._lock:
            self._budget, self._cut_done, self._then = count, threading.Event(), then
            return self._cut_done

    def retarget(self, host, port):
        """From now on the address answers for another server; connections to the old one are reset."""
        with self._lock:
            self._target = (host, port)
            self._drop_all = True
        self._waker.send(b"x")

    def close(self):
        self._closing = True
        self._waker.send(b"x")
        self._thread.join(5)

    def _run(self):
        while not self._closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake:
                    self._wake.recv(64)
                elif key.fileobj in self._peers:
                    self._pump(key.fileobj)
            if self._drop_all:
                self._drop_all = False
                self._cut_all()
        self._cut_all()
        self._listener.close()

    def _accept(self):
        near, _ = self._listener.accept()
        try:
            with self._lock:
                target = self._target
            far = socket.create_connection(target, timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self._peers[near], self._peers[far] = far, near
        self._selector.register(near, selectors.EVENT_READ)
        self._selector.register(far, selectors.EVENT_READ)

    def _pump(self, side):
        try:
            data = side.recv(65536)
            if data and not self._spend(side, data):
                return
            if data:
                self._peers[side].sendall(data)
                return
        except OSError:
            pass
        self._drop(side)

    def _spend(self, side, data):
        """False when the budget ran out on this data: part of it is sent, then everything is cut."""
        with self._lock:
            if self._budget is None:
                return True
            self._budget -= len(data)
            if self._budget > 0:
                return True
            done, self._budget = self._cut_done, None
            self._target = self._then or self._target
        try:
            self._peers[side].sendall(data[:max(1, len(data) // 2)])
        except OSError:
            pass
        self._cut_all()
        self.cuts += 1
        done.set()
        return False

    def _cut_all(self):
        for side in list(self._peers):
            if side in self._peers:
                self._drop(side, reset=True)

    def _drop(self, side, reset=False):
        other = self._peers.pop(side)
        self._peers.pop(other, None)
        for end in (side, other):
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._selector.unregister(end)
            end.close()
