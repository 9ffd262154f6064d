#!/usr/bin/env python3
"""Makes vectors.json: encrypted telegrams with what is in them, by python3-cryptography.

Nothing of keeplit takes part, so that what opens them here was not made by what opens them.
The first three are those of the DLMS Green Book (clause on protected xDLMS APDUs), and the
script fails where it comes to other bytes.

    python3 vectors.py > vectors.json
"""
import json
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = bytes(range(16))
AK = bytes(range(0xD0, 0xE0))
TITLE = bytes.fromhex("4D4D4D0000BC614E")
# The authentication key that all meters of Luxembourg share is no secret.
SMARTY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def length(n):
    if n < 128:
        return bytes([n])
    if n < 256:
        return bytes([0x81, n])
    return bytes([0x82]) + struct.pack(">H", n)


def protect(plain, control, counter, key=KEY, ak=AK, title=TITLE):
    """What stands after the length: control, counter, words, tag (12 bytes)."""
    head = bytes([control]) + struct.pack(">I", counter)
    nonce = title + struct.pack(">I", counter)
    if control & 0x30 == 0x30:
        sealed = AESGCM(key).encrypt(nonce, plain, bytes([control]) + ak)
        return head + sealed[:-4]
    if control & 0x30 == 0x20:
        c = Cipher(algorithms.AES(key), modes.CTR(nonce + b"\0\0\0\2")).encryptor()
        return head + c.update(plain)
    tag = AESGCM(key).encrypt(nonce, b"", bytes([control]) + ak + plain)
    return head + plain + tag[:12]


def glo(plain, control, counter, **kw):
    body = protect(plain, control, counter, **kw)
    title = kw.get("title", TITLE)
    return b"\xdb" + bytes([len(title)]) + title + length(len(body)) + body


def x25(data):
    crc = 0xFFFF
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return struct.pack("<H", crc ^ 0xFFFF)


def hdlc(info, more=False, address=b"\xcf\x02\x23", control=0x13):
    size = 2 + len(address) + 1 + 2 + len(info) + 2
    head = struct.pack(">H", 0xA000 | (0x800 if more else 0) | size) + address + bytes([control])
    body = head + x25(head) + info
    return b"\x7e" + body + x25(body) + b"\x7e"


def segmented(apdu, size, **kw):
    data = b"\xe6\xe7\x00" + apdu
    parts = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(hdlc(p, more=i < len(parts) - 1, **kw) for i, p in enumerate(parts))


def blocks(apdu, size, **kw):
    parts = [apdu[i:i + size] for i in range(0, len(apdu), size)]
    out = b""
    for i, p in enumerate(parts):
        last = 0x80 if i == len(parts) - 1 else 0
        block = bytes([0xE0, 0x40 | last]) + struct.pack(">HH", i + 1, 0) + length(len(p)) + p
        out += hdlc((b"\xe6\xe7\x00" if i == 0 else b"") + block, **kw)
    return out


def mbus(apdu, size):
    parts = [apdu[i:i + size] for i in range(0, len(apdu), size)]
    out = b""
    for i, p in enumerate(parts):
        last = 0x10 if i == len(parts) - 1 else 0
        body = bytes([0x53, 0xFF, i | last, 0x01, 0x67]) + p
        n = len(body) & 0xFF
        out += bytes([0x68, n, n, 0x68]) + body + bytes([sum(body) & 0xFF, 0x16])
    return out


def cosem(text):
    return bytes.fromhex(text.replace(" ", ""))


# 2026-03-29 04:00:00, deviation -120 minutes (summer time): 02:00 UTC
NOTICE = cosem("0F 00000001 0C 07EA 03 1D 07 04 00 00 00 FF88 80")
LIST = NOTICE + cosem(
    "02 1C"
    " 0906 0000600100FF 0908 3132333435363738"
    " 0906 0100010800FF 06 0012D687 0202 0F00 161E"  # 1234.567 kWh
    " 0906 0100020800FF 06 00003CFA 0202 0F00 161E"  # 15.610 kWh
    " 0906 0100010700FF 06 000004A9 0202 0F00 161B"  # 1193 W
    " 0906 0100020700FF 06 00000000 0202 0F00 161B"
    " 0906 0100200700FF 12 08FB 0202 0FFF 1623"      # 229.9 V
    " 0906 01001F0700FF 12 0207 0202 0FFE 1621"      # 5.19 A
    " 0906 01000E0700FF 12 01F4 0202 0FFF 162C"      # 50.0 Hz
    " 0906 0100600100FF 0A04 74657374"
    " 0906 0000600D00FF 00")
# The count of the list: 2 with the number, 7 of three, 2 of two and 2 of two.
assert 2 + 7 * 3 + 2 + 2 == 27
LIST = LIST.replace(bytes([0x02, 0x1C]), bytes([0x02, 27]), 1)
SAYS = {"import_wh": 1234567, "export_wh": 15610, "power_w": 1193, "voltage_mv": 229900, "current_ma": 5190, "frequency_mhz": 50000}


def crc16(data):
    crc = 0
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


P1 = (
    "/Lux5\\123456789_B\r\n\r\n1-3:0.2.8(42)\r\n0-0:1.0.0(260329040000S)\r\n"
    "0-0:42.0.0(53414731303331323334353637383930)\r\n1-0:1.8.0(001234.567*kWh)\r\n1-0:2.8.0(000015.610*kWh)\r\n"
    "1-0:1.7.0(01.193*kW)\r\n1-0:2.7.0(00.000*kW)\r\n1-0:32.7.0(229.9*V)\r\n1-0:31.7.0(005.19*A)\r\n!"
).encode()
P1 += b"%04X\r\n" % crc16(P1)
P1_SAYS = {k: v for k, v in SAYS.items() if k != "frequency_mhz"}

BOOK = cosem("C0 01 00 00 08 00 00 01 00 00 FF 02 00")
assert protect(BOOK, 0x30, 0x01234567) == cosem("30 01234567 411312FF935A47566827C467BC 7D825C3BE4A77C3FCC056B6B")
assert protect(BOOK, 0x20, 0x01234567) == cosem("20 01234567 411312FF935A47566827C467BC")
assert protect(BOOK, 0x10, 0x01234567) == cosem("10 01234567 C0010000080000010000FF0200 06725D910F9221D263877516")

out = []


def add(name, what, data, plain=None, ak=AK, **more):
    out.append({"name": name, "what": what, "hex": data.hex().upper(), "key": KEY.hex().upper(),
                "authentication_key": ak.hex().upper() if ak else "", "plain": plain.hex().upper() if plain else "", **more})


for control, words in ((0x30, "encrypted and authenticated"), (0x20, "encrypted"), (0x10, "authenticated")):
    add("green book, " + words, "ciphertext", glo(BOOK, control, 0x01234567), BOOK, ak=AK if control & 0x10 else None)
    add("list in one HDLC frame, " + words, "dlms", hdlc(b"\xe6\xe7\x00" + glo(LIST, control, 7)), LIST, ak=AK if control & 0x10 else None, says=SAYS)
add("list in HDLC segments", "dlms", segmented(glo(LIST, 0x30, 8), 64), LIST, says=SAYS)
add("list in blocks", "dlms", blocks(glo(LIST, 0x30, 9), 100, address=b"\xce\xff\x03"), LIST, says=SAYS)
add("list in M-Bus segments", "dlms", mbus(glo(LIST, 0x20, 10), 100), LIST, ak=None, says=SAYS)
add("list in an M-Bus frame of 257 bytes and one more", "dlms", mbus(glo(LIST + b"", 0x30, 11), 252), LIST, says=SAYS)
add("list in clear", "dlms", hdlc(b"\xe6\xe7\x00" + LIST), LIST, ak=None, says=SAYS)
add("list in clear, in blocks", "dlms", blocks(LIST, 60), LIST, ak=None, says=SAYS)
add("Luxembourg", "p1", glo(P1, 0x30, 1, ak=SMARTY, title=b"SAGgp\x001\xc9"), P1, ak=SMARTY, says=P1_SAYS)
add("P1, encrypted only", "p1", glo(P1, 0x20, 2), P1, ak=None, says=P1_SAYS)
# Poland, Stoen: the lines between the identification and the end, with no title and a
# counter that stays at 0 (github.com/UtilitechAS/amsreader-firmware frames/EGM5G35.txt).
BARE = b"\0" * 8
IDENT, LINES = P1.split(b"\r\n\r\n", 1)
LINES = LINES[:LINES.rindex(b"!")]
for name, words in (("lines", LINES), ("whole telegram", P1)):
    sealed = protect(words, 0x30, 0, title=BARE)
    add("inside, " + name, "p1 inside", IDENT + b"\r\n\r\n\0" + length(len(sealed)) + sealed + b"!FE0C\r\n", words, says=P1_SAYS)
print(json.dumps(out, indent=1))
