"""What random tariffs with allowances that pile up come to, by another program.

Written from docs/tariffs.md alone, in fractions, month by month from its readings.

    python3 carry.py 200 | gzip -9n > carry.ndjson.gz      # the cases of the tests
    python3 carry.py 2000 > more.ndjson                    # more, for
    KEEPLIT_CARRY=more.ndjson go test ./tariffs -run PilesUp -v
"""
import json
import random
import sys
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction as F
from zoneinfo import ZoneInfo

ZONES = ["Africa/Johannesburg", "Europe/London", "America/New_York", "Australia/Sydney", "Asia/Kathmandu", "Africa/Nairobi"]


def kwh(text):
    return F(text.split()[0])


class Cycle:
    def __init__(self, doc):
        self.day, self.months = doc.get("reset_day", 1), doc.get("reset_months", 1)

    def first(self, year, month):
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).day
        return date(year, month, min(self.day, last))

    def at(self, day):
        """The first day of the billing month that a day is in, and of the next one."""
        n = day.year * 12 + day.month - 1
        if day < self.first(day.year, day.month):
            n -= 1
        n -= n % self.months  # the first one begins in January
        return self.first(n // 12, n % 12 + 1), self.first((n + self.months) // 12, (n + self.months) % 12 + 1)


def drawn(seed):
    r = random.Random(seed)
    doc = {"currency": "EUR", "zone": r.choice(ZONES)}
    if r.random() < 0.5:
        doc["reset_day"] = r.choice([15, 28, 31])
    if r.random() < 0.25:
        doc["reset_months"] = r.choice([2, 3])
    hours = r.random() < 0.5
    if hours:
        doc["calendar"] = {
            "seasons": [{"name": "winter", "from": "06-01", "to": "08-31"}, {"name": "rest"}],
            "periods": [{"name": "night", "times": [{"from": "22:00", "to": "06:00"}]}, {"name": "day"}],
        }
    base = r.choice([1, 1, 2, 4])
    usual = 48 * base * doc.get("reset_months", 1)  # kWh of a month
    price = lambda most=5: round(r.uniform(0, most), r.choice([2, 4]))

    def steps(first, month):
        """The first step is near to what is used, so that some months leave and others take."""
        out, to, p = [], 0, first
        for _ in range(r.choice([1, 1, 2])):
            to = round(to + month * r.uniform(0.2, 1.7), 1)
            out.append({"to": f"{to} kWh", "price": round(p, 4)})
            p += 0.0001 + price()
        return out + [{"price": round(p, 4)}]

    def version(i):
        v = {"energy": [{"name": "base", "price": price()}]}
        classes = r.random() < 0.25
        if classes:
            v["classes"] = {"list": [{"name": "less", "to": f"{r.randint(1, 2 * usual)} kWh"}, {"name": "more"}]}
        for n in range(r.choice([1, 1, 2])):
            e = {"name": f"piles up {n}", "carry_over": True}
            if r.random() < 0.3:
                e["per"] = "day"
                e["steps"] = steps(r.choice([0, 0, price(1)]), usual / 30)
            else:
                e["steps"] = steps(r.choice([0, 0, price(1)]), usual)
            if r.random() < 0.6:
                e["carry_over_months"] = r.choice([1, 1, 1, 2, 2, 3, 6])
            if r.random() < 0.5:
                e["carry_over_most"] = f"{r.randint(1, 2 * usual)} kWh"
            if hours and r.random() < 0.4:
                e["periods"] = [r.choice(["night", "day"])]
                if e.get("per"):
                    e["reset"] = "month"
            if hours and r.random() < 0.25:
                e["seasons"] = [r.choice(["winter", "rest"])]
            if classes and r.random() < 0.5:
                e["classes"] = [r.choice(["less", "more"])]
            v["energy"].append(e)
        if r.random() < 0.3:
            v["energy"].append({"name": "blocks", "steps": steps(price(1), usual)})
        if r.random() < 0.5:
            v["charges"] = [{"name": "standing", "amount": price(), "due": "day"}, {"name": "rent", "amount": price(90)}]
        v["taxes"] = [{"name": f"tax{i}", "rate": f"{r.randint(1, 25)} %"} for i in range(r.choice([0, 1, 2]))]
        if r.random() < 0.3:
            v["tax_included"] = True
        return v

    zone = ZoneInfo(doc["zone"])
    begin = date(2024, r.randint(1, 12), r.randint(1, 28))
    days = r.randint(60, 400)
    doc["versions"] = [version(0)]
    for i in sorted(r.sample(range(1, days), r.choice([0, 1, 2, 3]))):
        doc["versions"].append(dict(version(1), **{"from": (begin + timedelta(i)).isoformat()}))
    start = datetime(begin.year, begin.month, begin.day, tzinfo=zone).astimezone(timezone.utc)
    step = 3600
    load = {"seed": r.randint(1, 2**30), "base": base, "negative": False, "reactive": False, "n": days * 24}
    return doc, start, step, load


def readings(load, start, step):
    x = load["seed"]
    for i in range(load["n"]):
        a = []
        for _ in range(3):
            x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
            a.append(x >> 33)
        e = load["base"] * (a[0] % 1000) * (a[0] % 1000) * step // 3600 // 5000
        if a[1] % 100 == 0:
            e *= 6
        yield start + timedelta(seconds=i * step), e  # Wh


def bill(doc, start, step, load):
    zone, cycle = ZoneInfo(doc["zone"]), Cycle(doc)
    versions = doc["versions"]
    begins = [date.min] + [date.fromisoformat(v["from"]) for v in versions[1:]]
    on = lambda day: max(i for i, b in enumerate(begins) if b <= day)
    hours = "calendar" in doc
    season = lambda day: ("winter" if hours and 6 <= day.month <= 8 else "rest" if hours else "")
    use, days = {}, set()  # use[month][version, period, season], in Wh
    last, known = None, {}
    for at, e in readings(load, start, step):
        local = at.astimezone(zone)
        day = local.date()
        if day not in known:
            days.add(day)
            known[day] = cycle.at(day)[0], on(day), season(day)
        month = known[day][0]
        period = ("night" if local.hour >= 22 or local.hour < 6 else "day") if hours else ""
        key = (known[day][1], period, known[day][2])
        cells = use.setdefault(month, {})
        cells[key] = cells.get(key, 0) + e
        last = day
    parts = {}

    def add(v, name, amount):
        p = parts.setdefault(name, [F(0), F(0)])
        rates = [F(t["rate"].split()[0]) / 100 for t in v.get("taxes", [])]
        if v.get("tax_included"):
            net = amount / (1 + sum(rates))
            p[0] += net
            p[1] += amount - net
        else:
            p[0] += amount
            p[1] += amount * sum(rates)

    kept = {}  # name: list of [first day of the month, kWh], the oldest first
    month, end = cycle.at(min(days))
    while month <= last:
        cells = {key: F(wh, 1000) for key, wh in use.get(month, {}).items()}
        total = sum(cells.values())
        length = (end - month).days
        found = {name: sum(e for _, e in list_) for name, list_ in kept.items()}

        def active(v, c):
            if "classes" not in c or "classes" not in v:
                return True
            first = v["classes"]["list"][0]
            return ("less" if total <= kwh(first["to"]) else "more") in c["classes"]

        def matches(c, key):
            return key[1] in c.get("periods", [key[1]]) and key[2] in c.get("seasons", [key[2]])

        def scale(c):
            if c.get("per") != "day":
                return 1
            if not c.get("seasons"):
                return length
            return sum(1 for i in range(length) if season(month + timedelta(i)) in c["seasons"])

        def cost(c, x):
            out, low = F(0), F(0)
            for i, s in enumerate(c["steps"]):
                high = kwh(s["to"]) * scale(c) + (found.get(c["name"], 0) if c.get("carry_over") else 0) if "to" in s else None
                top = x if high is None else min(x, high)
                if top > low:
                    out += (top - low) * F(str(s["price"]))
                if high is not None:
                    low = max(low, high)
            return out

        for i, v in enumerate(versions):
            for c in v["energy"]:
                own = sum(e for key, e in cells.items() if key[0] == i and matches(c, key))
                if not active(v, c):
                    continue
                if "steps" not in c:
                    add(v, c["name"], own * F(str(c["price"])))
                    continue
                before = sum(e for key, e in cells.items() if key[0] < i and matches(c, key))
                add(v, c["name"], cost(c, before + own) - cost(c, before))
        for i, v in enumerate(versions):
            in_force = sum(1 for n in range(length) if on(month + timedelta(n)) == i)
            for c in v.get("charges", []):
                if c.get("due") == "day":
                    add(v, c["name"], F(str(c["amount"])) * sum(1 for d in days if month <= d < end and on(d) == i))
                else:
                    add(v, c["name"], F(str(c["amount"])) * in_force / length)
        # What the month leaves, by the version of its last day.
        v, after = versions[on(end - timedelta(1))], {}
        for c in v["energy"]:
            if not c.get("carry_over"):
                continue
            used = sum(e for key, e in cells.items() if matches(c, key)) if active(v, c) else 0
            own = kwh(c["steps"][0]["to"]) * scale(c) if active(v, c) else F(0)
            if c.get("seasons") and not any(season(month + timedelta(n)) in c["seasons"] for n in range(length)):
                own = F(0)
            rest = []
            for m, e in kept.get(c["name"], []) + [[month, own]]:
                taken = min(used, e)
                used -= taken
                if e > taken:
                    rest.append([m, e - taken])
            oldest = end
            for _ in range(c.get("carry_over_months", 0)):
                oldest = cycle.at(oldest - timedelta(1))[0]
            if c.get("carry_over_months"):
                rest = [x for x in rest if x[0] >= oldest]
            if "carry_over_most" in c:
                over = sum(e for _, e in rest) - kwh(c["carry_over_most"])
                while over > 0:
                    cut = min(over, rest[0][1])
                    rest[0][1] -= cut
                    over -= cut
                    if rest[0][1] == 0:
                        rest.pop(0)
            if rest:
                after[c["name"]] = rest
        kept = after
        month, end = cycle.at(end)
    return parts


def main():
    for seed in range(int(sys.argv[1])):
        doc, start, step, load = drawn(seed)
        parts = bill(doc, start, step, load)
        total = sum(a + b for a, b in parts.values())
        print(json.dumps({
            "seed": seed, "doc": json.dumps(doc), "start": start.isoformat().replace("+00:00", "Z"), "step": step, "load": load,
            "total": float(total), "parts": {k: [float(a), float(b)] for k, (a, b) in parts.items()},
        }))


main()
