"""Tokens of the descriptions in described_test.go, reckoned by another program:

    python3 vectors.py > vectors.csv
"""
import hashlib
import hmac
import random

KEY = ("1234567890" * 2).encode()
METER = "04123456789"


def luhn(digits):
    total = 0
    for place, ch in enumerate(reversed(digits)):
        n = int(ch)
        if place % 2 == 0:
            n = sum(map(int, str(n * 2)))
        total += n
    return str(-total % 10)


def mod97(digits):
    return f"{98 - int(digits + '00') % 97:02d}"


def truncated(algorithm, message, digits):
    mac = hmac.new(KEY, message, algorithm).digest()
    offset = mac[-1] % 16
    number = int.from_bytes(mac[offset:offset + 4], "big") % 2**31
    return str(number % 10**digits).zfill(digits)


def grid(counter, value):
    message = counter.to_bytes(8, "big") + value.to_bytes(2, "big") + METER.encode("ascii")
    body = f"{value:04d}{counter % 100:02d}" + truncated(hashlib.sha256, message, 7)
    return body + luhn(body)


def short(counter, value):
    message = counter.to_bytes(8, "big") + value.to_bytes(1, "big")
    body = truncated(hashlib.sha1, message, 6) + f"{value:02d}"
    return body + luhn(body)


def ocra(counter, value):
    question = bytes.fromhex(f"{value:x}".ljust(256, "0"))
    message = b"OCRA-1:HOTP-SHA512-8:C-QN08\0" + counter.to_bytes(8, "big") + question
    body = "77" + truncated(hashlib.sha512, message, 8) + str(counter % 10) + f"{value:05d}"
    return body + mod97(body)


dice = random.Random(4226)
print("scheme,counter,value,token")
for name, token, most in (("grid", grid, 9000), ("short", short, 98), ("ocra", ocra, 50000)):
    for i in range(25):
        counter = dice.choice([i, dice.randrange(1000), dice.randrange(2_000_000_000)])
        value = dice.choice([1, most, dice.randint(1, most)])
        print(f"{name},{counter},{value},{token(counter, value)}")
