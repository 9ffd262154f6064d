#!/usr/bin/env python3
"""A meter with a P1 port on a pseudo-terminal, for the boot: p1.py FILE writes the terminal's name to FILE."""
import os
import sys
import time
import tty

KWH, WATTS = 1000.0, 460
mine, theirs = os.openpty()
tty.setraw(theirs)
with open(sys.argv[1], "w", encoding="ascii") as f:
    f.write(os.ttyname(theirs))
began = time.monotonic()


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


while True:
    kwh = KWH + WATTS / 1000 * (time.monotonic() - began) / 3600
    stamp = time.strftime("%y%m%d%H%M%S", time.localtime()) + ("S" if time.localtime().tm_isdst else "W")
    body = (
        "/ISK5\\2M550T-1012\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(%s)\r\n0-0:96.1.1(4530303434303037313331363530363139)\r\n"
        "1-0:1.8.1(%010.3f*kWh)\r\n1-0:1.8.2(000000.000*kWh)\r\n1-0:2.8.1(000000.000*kWh)\r\n1-0:2.8.2(000000.000*kWh)\r\n"
        "1-0:1.7.0(%06.3f*kW)\r\n1-0:2.7.0(00.000*kW)\r\n1-0:32.7.0(230.0*V)\r\n!" % (stamp, kwh, WATTS / 1000)
    ).encode("ascii")
    os.write(mine, body + b"%04X\r\n" % crc16(body))
    time.sleep(1)
