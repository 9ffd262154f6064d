#!/usr/bin/env python3
"""A meter for the show: an Eastron SDM230 over Modbus TCP, on the standard library alone.

    meter.py PORT KWH WATTS

Its register begins at KWH and goes on at WATTS.
"""
import socketserver
import struct
import sys
import time

PORT, KWH, WATTS = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
BEGAN = time.monotonic()


def values():
    """The registers that are not zero, by address: floats over two registers each."""
    kwh = KWH + WATTS / 1000 * (time.monotonic() - BEGAN) / 3600
    return {0: 230.0, 6: WATTS / 230, 12: WATTS, 70: 50.0, 72: kwh}


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = self.rfile.read(7)
            if len(head) < 7:
                return
            transaction, _, length, unit = struct.unpack(">HHHB", head)
            body = self.rfile.read(length - 1)
            function, start, count = struct.unpack(">BHH", body[:5])
            if function not in (3, 4):
                answer = struct.pack(">BB", function | 0x80, 1)
            else:
                shown = values()
                words = [struct.pack(">f", shown.get(a, 0.0)) for a in range(start, start + count, 2)]
                data = b"".join(words)[: 2 * count]
                answer = struct.pack(">BB", function, len(data)) + data
            self.wfile.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", PORT), Client).serve_forever()
