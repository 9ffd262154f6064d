#!/usr/bin/env python3
"""Makes vectors.json: wireless M-Bus frames with what is in them, by python3-cryptography.

Nothing of keeplit takes part.  The first are the examples of the OMS specification,
volume 2, annex N, with the keys that it gives, and the script fails where it comes to
other bytes.  The words of the others are of telegrams that electricity meters sent and
that the project wmbusmeters publishes with what they say (drivers amiplus, omnipower,
ebzwmbe, esyswm, ehzp, gransystems); their keys were not published, and they are
encrypted here with another.

    python3 vectors.py > vectors.json
"""
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY = bytes(range(16))


def crc(data):
    v = 0
    for b in data:
        v ^= b << 8
        for _ in range(8):
            v = (v << 1 ^ 0x3D65) & 0xFFFF if v & 0x8000 else v << 1
    return struct.pack(">H", v ^ 0xFFFF)


def format_a(frame):
    out, rest = frame[:10] + crc(frame[:10]), frame[10:]
    while rest:
        out += rest[:16] + crc(rest[:16])
        rest = rest[16:]
    return out


def format_b(frame):
    n = len(frame) - 1
    n += 2 if n + 3 <= 128 else 4
    frame = bytes([n]) + frame[1:]
    out = frame[:126] + crc(frame[:126])
    if len(frame) > 126:
        out += frame[126:] + crc(frame[126:])
    return out


def frame(link, body, control=0x44):
    inner = bytes([control]) + link + body
    return bytes([len(inner)]) + inner


def cbc(key, iv, data):
    e = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return e.update(data) + e.finalize()


def mac(key, data):
    c = CMAC(algorithms.AES(key))
    c.update(data)
    return c.finalize()


def pad(words, size=16):
    return words + b"\x2f" * (-len(words) % size)


def mode5(link, words, access, key=KEY, config=0x0500, long=None, prefix=b"", status=0, tail=b""):
    words = pad(words)
    address = link if long is None else long[4:6] + long[:4] + long[6:]
    head = b"\x7a" if long is None else b"\x72" + long
    head += bytes([access, status]) + struct.pack("<H", config | len(words) // 16 << 4)
    return frame(link, prefix + head + cbc(key, address + bytes([access]) * 8, words) + tail)


def mode7(link, words, access, counter, key=KEY, config=0x0700, long=None, prefix=b"", mcl=0x25):
    words = pad(words)
    address = link if long is None else long[4:6] + long[:4] + long[6:]
    count = struct.pack("<I", counter)
    enc = mac(key, b"\0" + count + address[2:6] + b"\7" * 7)
    auth = mac(key, b"\1" + count + address[2:6] + b"\7" * 7)
    tpl = b"\x7a" if long is None else b"\x72" + long
    tpl += bytes([access, 0]) + struct.pack("<H", config | len(words) // 16 << 4) + b"\x10"
    tpl += cbc(enc, bytes(16), words)
    proof = mac(auth, bytes([mcl]) + count + tpl)[:8]
    return frame(link, prefix + b"\x90\x0f\x00\x2c" + bytes([mcl]) + count + proof + tpl)


def session(link, words, access, number, key=KEY, control=0x20):
    inner = b"\x78" + words
    inner = crc(inner)[::-1] + inner
    iv = link + bytes([control]) + struct.pack("<I", number) + b"\0\0\0"
    e = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return frame(link, b"\x8d" + bytes([control, access]) + struct.pack("<I", number) + e.update(inner))


def address(maker, number, version, kind):
    m = 0
    for c in maker:
        m = m << 5 | ord(c) - 64
    return struct.pack("<H", m) + bytes.fromhex(number)[::-1] + bytes([version, kind])


def long_of(link):
    return link[2:6] + link[:2] + link[6:]


out = []


def add(name, data, what, key=KEY, **says):
    v = {"name": name, "what": what, "hex": data.hex().upper(), "key": key.hex().upper()}
    if says:
        v["says"] = {k: says.get(k, 0) for k in ("import_wh", "export_wh", "power_w", "voltage_mv", "current_ma", "frequency_mhz")}
    out.append(v)


# OMS volume 2, annex N: a gas meter in mode 5 (N.2.1), in mode 7 (N.2.3), and in mode 7
# behind a radio adapter (N.2.4).  The words are the same in all three.
GAS_KEY = bytes(range(1, 16)) + b"\x11"
GAS = address("ELS", "12345678", 0x33, 0x03)
GAS_WORDS = bytes.fromhex("2F2F0C1427048502046D32371F1502FD1700002F2F2F2F2F2F2F2F2F2F2F2F2F")
ADAPTER = bytes.fromhex("2448443322110337")
for name, made, want, key in (
    ("OMS annex N, security profile A", format_a(mode5(GAS, GAS_WORDS, 0x2A, GAS_KEY, 0x2500)),
     "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A", GAS_KEY),
    ("OMS annex N, security profile B", format_a(mode7(GAS, GAS_WORDS, 0x75, 0x0AB3, config=0x0700, prefix=b"\x8c\x20\x75")),
     "434493157856341233037AC98C2075900F002C25B30A000021924D4FBA372FB66E017A75002007109058475F4BC9D1281DF878B80A1B0F98B629024AAC7279429398BFC549233C0140829B93BAA1", KEY),
    ("OMS annex N, security profile B behind a radio adapter",
     format_a(frame(ADAPTER, mode7(ADAPTER, GAS_WORDS, 0x75, 0x0AB3, config=0x0700, long=long_of(GAS), prefix=b"\x8e\x80\x75" + bytes.fromhex("3A63665544330A31"))[10:], 0x08)),
     "53082448443322110337D0468E80753A63665544330A31900F002C25E00AB30A0000AF5D74DF73A600D972785634C027129315330375002007109058475F4BC955CF1DF878B80A1B0F98B629024AAC7279429398BFC549233C0140829B93BAA1", KEY),
):
    if made.hex().upper() != want:
        sys.exit(f"{name}:\n{made.hex().upper()}\n{want}")
    add(name, made, "annex", key)

W = bytes.fromhex
APA = address("APA", "10101010", 0x02, 0x02)
ONE = W("2F2F0E035040691500000B2B300300066D00790C7423400C78371204860BABC8FC100000000E833C8074000000000BAB3C0000000AFDC9FC0136022F2F2F2F2F")
one = dict(import_wh=15694050, export_wh=7480, power_w=330, voltage_mv=236000)
add("amiplus, one phase, mode 5, format A", format_a(mode5(APA, ONE, 0x20)), "read", **one)
add("amiplus, one phase, mode 5, format B", format_b(mode5(APA, ONE, 0x21)), "read", **one)
add("amiplus, one phase, mode 5, check sums taken out", mode5(APA, ONE, 0x22), "read", **one)
add("amiplus, one phase, mode 5, with two bytes tacked on", mode5(APA, ONE, 0x23) + W("DE47"), "read", **one)
add("amiplus, one phase, mode 5, long header", format_a(mode5(address("APA", "99999999", 1, 0x37), ONE, 0x24, long=long_of(APA))), "read", **one)
add("amiplus, one phase, in clear", format_a(frame(APA, W("7A25000000") + ONE)), "clear", **one)

NES = address("NES", "86064864", 0x03, 0x02)
add("amiplus, three phases, two tariffs", format_a(mode5(NES, W("2F2F066D1E5C11DA21400C78644806868E10036110012500008E20038106531800008E10833C9949000000008E20833C8606000000001B2B5228020B2B3217000BAB3C0000000AFDC9FC0131020AFDC9FC0225020AFDC9FC0331020BABC8FC100000002F2F2F2F2F2F2F2F2F2F2F2F2F"), 0x70)),
    "read", import_wh=43541742, export_wh=5685, power_w=1732, voltage_mv=229000)
ALL = address("APA", "56914504", 0x01, 0x02)
add("amiplus, total and four tariffs, tenths of a volt", format_b(mode5(ALL, W("2F2F066DC076091935800C78044591560E032088300000008E10032088300000008E20030000000000008E30030000000000008E8010030000000000000E833C2702000000008E10833C2702000000008E20833C0000000000008E30833C0000000000008E8010833C0000000000000AFDC8FC0136240AFDC8FC0262240AFDC8FC0389222F2F2F2F2F2F2F2F2F2F2F2F"), 0x3D)),
    "read", import_wh=308820, export_wh=227, voltage_mv=239566)

EBZ = address("EBZ", "22992299", 0x02, 0x37)
add("eBZ, power by phase, mode 7", format_a(mode7(EBZ, W("2F2F040330F92A0004A9FF01FF24000004A9FF026A29000004A9FF03460600000DFD11063132333435362F2F2F2F2F2F"), 0xF6, 40636, long=long_of(address("EBZ", "22992299", 1, 2)), prefix=W("8C20F6"))),
    "read", import_wh=2816304, power_w=216)
add("EasyMeter, total and tariffs, mode 7", format_a(mode7(address("ESY", "77997799", 0x30, 0x37), W("2F2F0702F5C3FA000000000007823C5407000000000000841004E081020084200415000000042938AB000004A9FF01FA0A000004A9FF02050A000004A9FF03389600002F2F2F2F2F2F2F2F2F2F2F2F2F"), 0xF0, 716361, long=long_of(address("ESY", "77997799", 0x11, 2)), prefix=W("8C20F0"))),
    "read", import_wh=1643416, export_wh=187, power_w=438)
add("EMH, mode 7 with a short header", format_b(mode7(address("EMH", "55995599", 2, 2), W("2F2F0700583B74020000000007803CBCD70200000000000728B070200000000000042092A406002F2F2F2F2F2F2F2F2F"), 0x1D, 14604, prefix=W("8C201D"))),
    "read", import_wh=41171, export_wh=186, power_w=2126)
KAM = address("KAM", "32666857", 0x30, 0x02)
add("Kamstrup, encrypted on the link layer", format_b(session(KAM, W("04041A03000004843C00000000042B0300000004AB3C00000000"), 0xE4, 0x201CC8E2)),
    "read", import_wh=7940, power_w=3)
add("Gransystems, one phase, in clear", format_a(frame(address("GSS", "18046178", 1, 2), W("78046D0F13BC21040394030000841003690300008420032B00000084300300000000848010030000000084016D0000BC2184010394030000841103690300008421032B00000084310300000000848110030000000004FD482E09000004FD5B0000000002FB2D861304FD1700000201"))),
    "clear", import_wh=916, voltage_mv=235000, frequency_mhz=49980)
add("Gransystems, three phases, in clear", format_a(frame(address("GSS", "20100117", 1, 2), W("78046D0813BC21040300000000841003000000008420030000000084300300000000848010030000000084016D0000BC218401030000000084110300000000842103000000008431030000000084811003000000008440FD4825090000848040FD480000000084C040FD48000000008440FD5B00000000848040FD5B0000000084C040FD5B0000000002FB2D881304FD1702000101"))),
    "clear", voltage_mv=78033, frequency_mhz=50000)
print(json.dumps(out, indent=1))
