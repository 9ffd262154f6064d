"""What random tariffs of every kind of component come to, by another program.

Written from docs/tariffs.md alone, in fractions, a month at a time.

    python3 foreign.py 0 2000 > more.ndjson                # the documents of these seeds, for
    KEEPLIT_FOREIGN=more.ndjson go test ./tariffs -run 'SaysTheSame$' -v
"""
import json, random, sys
from fractions import Fraction as F
from datetime import datetime, timedelta, timezone, date
from zoneinfo import ZoneInfo
from math import isqrt
UTC = timezone.utc

def load(seed, base, n, step, reactive, neg):
    x = seed
    out = []

    def nxt():
        nonlocal x
        x = x * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        return x >> 33
    for i in range(n):
        a, b, c = (nxt(), nxt(), nxt())
        e = base * (a % 1000) * (a % 1000) * step // 3600 // 5000
        if b % 100 == 0:
            e *= 6
        q = e * (c % 90) // 100 if reactive else 0
        if neg and b % 5 == 1:
            e = -e
        out.append((e, q))
    return out

def root(fr):
    k = 10 ** 15
    return F(isqrt(fr.numerator * k * k // fr.denominator), k)

def month_of(d, reset):
    y, m = (d.year, d.month)

    def start(y, m):
        nx = date(y + (m == 12), m % 12 + 1, 1)
        last = (nx - timedelta(1)).day
        return date(y, m, min(reset, last))
    s = start(y, m)
    if d < s:
        m -= 1
        if m == 0:
            y, m = (y - 1, 12)
        s = start(y, m)
    y2, m2 = (y + 1, 1) if m == 12 else (y, m + 1)
    return (s, start(y2, m2))

def gen(r):
    zone = r.choice(['Africa/Nairobi', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Sydney', 'Africa/Johannesburg'])
    doc = {'currency': 'EUR', 'zone': zone, 'current': 'example'}
    if r.random() < 0.4:
        doc['reset_day'] = r.choice([1, 5, 15, 28, 31])
    kw = r.choice([3, 5, 7])
    doc['contracted'] = f'{kw} kW'
    cal = {}
    seasons = None
    if r.random() < 0.5:
        seasons = [('hot', (r.choice([4, 5, 6]), 1), (9, r.choice([15, 30]))), ('cold', None, None)]
        cal['seasons'] = [{'name': 'hot', 'from': '%02d-01' % seasons[0][1][0], 'to': '09-%02d' % seasons[0][2][1]}, {'name': 'cold'}]
    periods = ['all']
    k = r.random()
    if k < 0.4:
        periods = ['night', 'day']
        cal['periods'] = [{'name': 'night', 'times': [{'from': '22:00', 'to': '06:00'}]}, {'name': 'day'}]
    elif k < 0.7:
        periods = ['peak', 'off']
        cal['day_types'] = [{'name': 'week', 'days': ['mon', 'tue', 'wed', 'thu', 'fri']}, {'name': 'end', 'days': ['sat', 'sun']}]
        cal['periods'] = [{'name': 'peak', 'times': [{'days': ['week'], 'from': '07:00', 'to': '11:00'}, {'days': ['week'], 'from': '17:00', 'to': '20:00'}]}, {'name': 'off'}]
    if cal:
        doc['calendar'] = cal
    v = {}
    P = lambda a, b, d=4: F(r.randint(int(a * 10 ** d), int(b * 10 ** d)), 10 ** d)

    def flt(c, cls=True):
        if len(periods) > 1 and r.random() < 0.35:
            c['periods'] = [r.choice(periods)]
        if seasons and r.random() < 0.35:
            c['seasons'] = [r.choice(['hot', 'cold'])]
        if cls and v.get('classes') and (r.random() < 0.4):
            c['classes'] = r.sample([x['name'] for x in v['classes']['list']], 1)

    def steps(lo, hi, unit, f):
        n = r.randint(1, 3)
        tos = sorted(r.sample(range(lo, hi), n))
        return [{'to': f'{t} {unit}', 'price': f()} for t in tos] + [{'price': f()}]
    if r.random() < 0.5:
        cl = {'list': [{'name': 'a', 'to': f'{r.randint(50, 400)} kWh'}]}
        if r.random() < 0.4:
            cl['list'].append({'name': 'b', 'to': f'{r.randint(401, 900)} kWh'})
        cl['list'].append({'name': 'z'})
        by = r.choice(['month', 'past_average', 'past_maximum'])
        if by != 'month':
            cl['by'] = by
            cl['months'] = r.randint(1, 4)
            cl['initial'] = r.choice(cl['list'])['name']
            if r.random() < 0.4:
                cl['this_month'] = True
        v['classes'] = cl
    v['energy'] = []
    for i in range(r.randint(1, 4)):
        c = {'name': f'e{i}'}
        if i:
            flt(c)
        k = r.random()
        if k < 0.4:
            c['price'] = P(-1, 5) if r.random() < 0.2 else P(0, 5)
        elif k < 0.7:
            c['steps'] = steps(20, 700, 'kWh', lambda: P(0, 6))
        elif k < 0.8:
            c['steps'] = steps(20, 700, 'kWh', lambda: P(0, 6))
            c['whole_month'] = True
        else:
            c['per'] = 'day'
            c['steps'] = steps(1, 25, 'kWh', lambda: P(0, 6))
            if r.random() < 0.6:
                c['reset'] = r.choice(['day', 'month'])
        v['energy'].append(c)
    neg = r.random() < 0.3
    if neg:
        v['export'] = [{'name': 'out', 'price': P(0, 2)}]
        flt(v['export'][0], False)
    v['charges'] = []
    for i in range(r.randint(0, 3)):
        c = {'name': f'c{i}', 'amount': P(1, 60, 2), 'due': r.choice(['day', 'month', 'month_start'])}
        if r.random() < 0.2:
            c['amount'] = -c['amount']
        if r.random() < 0.3:
            c['per_kw'] = True
        if c['due'] != 'day' and v.get('classes') and (r.random() < 0.4):
            c['classes'] = [r.choice(v['classes']['list'])['name']]
        v['charges'].append(c)
    reactive = r.random() < 0.4
    if r.random() < 0.5:
        v['demand'] = []
        for i in range(r.randint(1, 2)):
            c = {'name': f'd{i}', 'interval': r.choice(['30m', '1h'])}
            flt(c, False)
            k = r.random()
            if k < 0.5:
                c['price'] = P(1, 20, 2)
            else:
                c['steps'] = steps(1, 12, 'kW', lambda: P(5, 90, 2))
                if r.random() < 0.4:
                    c['each_kw'] = True
            if reactive and r.random() < 0.5:
                c['unit'] = 'kVA'
            if r.random() < 0.4:
                c['mean_of'] = r.randint(2, 5)
            k = r.random()
            if k < 0.25:
                c['average_months'] = r.randint(2, 4)
            elif k < 0.5:
                c['ratchet'] = f'{r.randint(40, 90)} %'
                c['ratchet_months'] = r.randint(1, 6)
            if r.random() < 0.3:
                c['at_least'] = f'{r.randint(1, 4)} kW'
            if r.random() < 0.3:
                c['free'] = f'{r.randint(1, 2)} kW'
            if r.random() < 0.2:
                c['per'] = 'day'
            if r.random() < 0.2 and 'periods' not in c and ('seasons' not in c):
                c['most_per_kwh'] = P(0, 1)
            v['demand'].append(c)
    if reactive and r.random() < 0.5:
        c = {'name': 'q', 'price': P(0, 1), 'free': f'{r.randint(5, 40)} %'}
        flt(c, False)
        v['reactive'] = [c]
    included = False
    if reactive and r.random() < 0.4:
        v['power_factor'] = {'name': 'pf', 'threshold': f'{r.randint(85, 99)} %', 'surcharge': '%.1f %%' % (r.randint(2, 20) / 10), 'step': '1 %'}
        if r.random() < 0.5:
            v['power_factor']['whole_steps'] = True
    if r.random() < 0.3:
        v['minimum'] = {'name': 'least', 'amount': P(20, 900, 2)}
    names = [c['name'] for k in ('energy', 'charges', 'demand', 'reactive') for c in v.get(k, [])]
    if r.random() < 0.6:
        v['taxes'] = []
        for i in range(r.randint(1, 3)):
            t = {'name': f't{i}', 'rate': f'{r.randint(1, 25)} %'}
            if r.random() < 0.3:
                t['on'] = r.sample(names, r.randint(1, len(names)))
            elif r.random() < 0.3:
                t['except'] = r.sample(names, r.randint(1, len(names)))
            if i and r.random() < 0.5:
                t['over'] = r.sample([f't{j}' for j in range(i)], r.randint(1, i))
            v['taxes'].append(t)
        if 'minimum' not in v and 'power_factor' not in v and (r.random() < 0.35):
            v['tax_included'] = True
    doc['versions'] = [v]
    return (doc, kw, seasons, periods, neg, reactive)
num = lambda s: F(str(s).split()[0])
pct = lambda s: F(s.split()[0]) / 100

def bill(doc, kw, seasons, start, step, L):
    z = ZoneInfo(doc['zone'])
    v = doc['versions'][0]
    reset = doc.get('reset_day', 1)
    cal = doc.get('calendar', {})

    def season(d):
        if not seasons:
            return None
        s = seasons[0]
        return 'hot' if s[1] <= (d.month, d.day) <= s[2] else 'cold'

    def period(l):
        ps = cal.get('periods')
        if not ps:
            return 'all'
        h = l.hour
        if ps[0]['name'] == 'night':
            return 'night' if h >= 22 or h < 6 else 'day'
        return 'peak' if l.weekday() < 5 and (7 <= h < 11 or 17 <= h < 20) else 'off'
    rd = []
    for i, (e, q) in enumerate(L):
        t = start + timedelta(seconds=step * i)
        l = t.astimezone(z)
        d = l.date()
        rd.append((t, l, d, month_of(d, reset)[0], season(d), period(l), e, q))
    months = []
    RM = {}
    for x in rd:
        RM.setdefault(x[3], []).append(x)
    for x in rd:
        if not months or months[-1] != x[3]:
            months.append(x[3])
    inn = lambda c, x: (not c.get('seasons') or x[4] in c['seasons']) and (not c.get('periods') or x[5] in c['periods'])
    tot = {m: F(sum((x[6] for x in RM[m] if x[6] > 0)), 1000) for m in months}

    def days_of(m, ss=None):
        d = m
        end = month_of(m, reset)[1]
        n = 0
        while d < end:
            if not ss or season(d) in ss:
                n += 1
            d += timedelta(1)
        return n
    cls = {}
    cs = v.get('classes')

    def klass(e):
        for i, c in enumerate(cs['list']):
            if 'to' not in c or e <= num(c['to']):
                return i
    if cs:
        init = [c['name'] for c in cs['list']].index(cs['initial']) if 'initial' in cs else 0
        for j, m in enumerate(months):
            by = cs.get('by', 'month')
            if by == 'month':
                k = klass(tot[m])
            else:
                past = [tot[p] for p in months[max(0, j - cs['months']):j]]
                if by == 'past_average':
                    k = klass(sum(past) / len(past)) if past else init
                else:
                    k = max([klass(p) for p in past] + ([init] if len(past) < cs['months'] else []))
                if cs.get('this_month'):
                    k = max(k, klass(tot[m]))
            cls[m] = cs['list'][k]['name']
    okc = lambda c, m: not c.get('classes') or cls[m] in c['classes']

    def climb(st, e, mul=1):
        s = F(0)
        low = F(0)
        for t in st:
            top = num(t['to']) * mul if 'to' in t else None
            part = max(F(0), (e if top is None else min(e, top)) - low)
            s += part * t['price']
            if top is None or e <= top:
                break
            low = top
        return s

    def at(st, e):
        for t in st:
            if 'to' not in t or e <= num(t['to']):
                return t['price']
    lines = {}
    for c in v['energy']:
        for m in months:
            if not okc(c, m):
                lines[c['name'], m] = F(0)
                continue
            xs = [x for x in RM[m] if x[6] > 0 and inn(c, x)]
            e = F(sum((x[6] for x in xs)), 1000)
            if 'price' in c:
                a = e * c['price']
            elif c.get('whole_month'):
                a = e * at(c['steps'], e)
            elif c.get('per') == 'day':
                how = c.get('reset') or ('day' if c.get('periods') else 'month')
                if how == 'day':
                    by = {}
                    for x in xs:
                        by[x[2]] = by.get(x[2], 0) + x[6]
                    a = sum((climb(c['steps'], F(y, 1000)) for y in by.values()), F(0))
                else:
                    a = climb(c['steps'], e, days_of(m, c.get('seasons')))
            else:
                a = climb(c['steps'], e)
            lines[c['name'], m] = a
    for c in v.get('export', []):
        for m in months:
            lines[c['name'], m] = F(sum((x[6] for x in RM[m] if x[6] < 0 and inn(c, x))), 1000) * c['price']
    for c in v['charges']:
        a = c['amount'] * (kw if c.get('per_kw') else 1)
        for m in months:
            if not okc(c, m):
                lines[c['name'], m] = F(0)
            elif c['due'] == 'day':
                lines[c['name'], m] = a * len({x[2] for x in RM[m]})
            else:
                lines[c['name'], m] = a
    for c in v.get('demand', []):
        iv = 1800 if c['interval'] == '30m' else 3600
        past = []
        for m in months:
            by = {}
            for x in RM[m]:
                if inn(c, x):
                    off = int(x[1].utcoffset().total_seconds())
                    s = int(x[0].timestamp())
                    key = (s + off) // iv * iv - off
                    a = by.setdefault(key, [0, 0, x[2]])
                    a[0] += max(0, x[6])
                    a[1] += x[7]
            day = {}
            for e, q, d in by.values():
                p = (root(F(e * e + q * q, 10 ** 6)) if c.get('unit') == 'kVA' else F(e, 1000)) * F(3600, iv)
                day[d] = max(day.get(d, F(0)), p)
            top = sorted(day.values(), reverse=True)[:c.get('mean_of', 1)]
            own = sum(top, F(0)) / max(1, len(top))
            least = num(c['at_least']) if 'at_least' in c else F(0)
            if 'average_months' in c:
                all_ = ([own] + past[::-1])[:c['average_months']]
                p = sum((max(least, y) for y in all_), F(0)) / len(all_)
            else:
                p = max(own, least)
                if 'ratchet' in c and past:
                    p = max(p, pct(c['ratchet']) * max(past[-c['ratchet_months']:]))
            past.append(own)
            p = max(F(0), p - (num(c['free']) if 'free' in c else 0))
            if 'price' in c:
                a = p * c['price']
            elif c.get('each_kw'):
                a = climb(c['steps'], p)
            else:
                a = at(c['steps'], p)
            if c.get('per') == 'day':
                a *= days_of(m, c.get('seasons'))
            if 'most_per_kwh' in c:
                a = min(a, c['most_per_kwh'] * tot[m])
            lines[c['name'], m] = a
    for c in v.get('reactive', []):
        for m in months:
            e = F(sum((x[6] for x in RM[m] if x[6] > 0 and inn(c, x))), 1000)
            q = F(sum((x[7] for x in RM[m] if inn(c, x))), 1000)
            lines[c['name'], m] = max(F(0), q - pct(c['free']) * e) * c['price']
    if 'power_factor' in v:
        c = v['power_factor']
        for m in months:
            e = tot[m]
            q = F(sum((x[7] for x in RM[m])), 1000)
            a = F(0)
            if e > 0 or q > 0:
                f = e / root(e * e + q * q)
                below = pct(c['threshold']) - f
                if below > 0:
                    n = below / pct(c['step'])
                    if c.get('whole_steps'):
                        n = F(n.numerator // n.denominator)
                    a = n * pct(c['surcharge']) * sum((lines[x['name'], m] for k in ('energy', 'demand') for x in v.get(k, [])), F(0))
            lines[c['name'], m] = a
    if 'minimum' in v:
        c = v['minimum']
        for m in months:
            s = sum((a for (n, k), a in lines.items() if k == m and n != 'out'), F(0))
            lines[c['name'], m] = max(F(0), c['amount'] - s)
    parts = {}
    for (n, m), a in lines.items():
        rates = {}
        for t in v.get('taxes', []):
            if n in t.get('except', []) or ('on' in t and n not in t['on']) or ('on' not in t and n == 'out'):
                continue
            rates[t['name']] = pct(t['rate']) * (1 + sum((rates.get(o, F(0)) for o in t.get('over', []))))
        x = sum(rates.values(), F(0))
        net = a / (1 + x) if v.get('tax_included') else a
        p = parts.setdefault(n, [F(0), F(0)])
        p[0] += net
        p[1] += net * x
    return parts

def plain(o):
    if isinstance(o, dict):
        return {k: plain(x) for k, x in o.items()}
    if isinstance(o, list):
        return [plain(x) for x in o]
    if isinstance(o, F):
        return float(o)
    return o
n0, n1 = (int(sys.argv[1]), int(sys.argv[2]))
SEEDS = [int(x) for x in sys.argv[3].split(',')] if len(sys.argv) > 3 else range(n0, n1)
for seed in SEEDS:
    r = random.Random(770000 + seed)
    doc, kw, seasons, periods, neg, reactive = gen(r)
    step = r.choice([1800, 3600]) if doc['zone'] != 'Asia/Kolkata' else 1800
    if any((c['interval'] == '30m' for c in doc['versions'][0].get('demand', []))):
        step = 1800
    start = datetime(2024, r.randint(1, 12), r.randint(1, 28), tzinfo=ZoneInfo(doc['zone'])).astimezone(UTC) + timedelta(hours=r.choice([0, 0, 5]))
    n = r.randint(10, 70) * 86400 // step
    spec = {'seed': r.randrange(1 << 31), 'base': r.randint(5, 60), 'n': n, 'negative': neg, 'reactive': reactive}
    parts = bill(doc, kw, seasons, start, step, load(spec['seed'], spec['base'], n, step, reactive, neg))
    print(json.dumps({'seed': seed, 'doc': json.dumps(plain(doc)), 'start': start.strftime('%Y-%m-%dT%H:%M:%SZ'), 'step': step, 'load': spec, 'total': float(sum((a + b for a, b in parts.values()))), 'parts': {k: [float(a), float(b)] for k, (a, b) in parts.items()}}))
