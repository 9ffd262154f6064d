// Draws the charts with uPlot from the JSON beside them.  x is the index of a
// slot or a bar; the labels come with the data, in the house's own time.
(function () {
  'use strict';

  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function fixed(v, n) { return v == null ? '–' : v.toFixed(n); }
  const font = '12px system-ui, sans-serif';

  function axis(side, extra) {
    return Object.assign({
      side: side, stroke: css('--muted'), font: font, labelFont: font,
      grid: { stroke: css('--grid'), width: 1 }, ticks: { show: false }
    }, extra);
  }

  function every(first, step, n) {
    const out = [];
    for (let i = first; i < n; i += step) out.push(i);
    return out;
  }

  function plan(d, box, read) {
    const n = d.labels.length;
    const x = every(0, 1, n + 1); // one more, so that the last slot has a width
    const pad = function (a) { return a.concat([a.length ? a[a.length - 1] : null]); };
    const zero = function (a) { return a.concat([null]); };
    const stacked = [];
    (d.loads || []).forEach(function (l, i) {
      stacked.push(l.kw.map(function (v, k) {
        const below = i ? stacked[i - 1][k] : 0;
        return v + below;
      }));
    });
    const bars = uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: 0 });
    const steps = uPlot.paths.stepped({ align: 1 });
    const series = [{}], data = [x];
    series.push({ scale: 'price', stroke: css('--price'), fill: css('--price-fill'), width: 2, paths: steps, points: { show: false } });
    data.push(pad(d.price));
    // The tallest sum is drawn first, so that each load shows its own part.
    for (let i = stacked.length - 1; i >= 0; i--) {
      const c = css('--c' + (i % 6 + 1));
      series.push({ scale: 'kW', stroke: c, fill: c, width: 0, paths: bars, points: { show: false } });
      data.push(zero(stacked[i].map(function (v, k) { return d.loads[i].kw[k] > 0 ? v : null; })));
    }
    const at = series.length;
    series.push({ scale: 'kW', stroke: 'transparent', width: 0, paths: steps, points: { show: false } });
    series.push({ scale: 'kW', stroke: 'transparent', width: 0, paths: steps, points: { show: false } });
    series.push({ scale: 'kW', stroke: css('--house'), width: 2, paths: steps, points: { show: false } });
    data.push(pad(d.high), pad(d.low), pad(d.mid));
    let top = 0;
    d.high.forEach(function (v, k) { top = Math.max(top, v, stacked.length ? stacked[stacked.length - 1][k] : 0); });
    if ((d.limit || []).some(function (v) { return v != null; })) {
      top = Math.max.apply(null, [top].concat(d.limit));
      series.push({ scale: 'kW', stroke: css('--bad'), width: 1.5, dash: [5, 4], paths: steps, points: { show: false } });
      data.push(pad(d.limit));
    }
    const dearest = Math.max.apply(null, d.price.concat([0]));
    const hours = box.clientWidth < 500 ? 4 : 2;
    const first = (function () {
      for (let i = 0; i < n; i++) if (d.labels[i].slice(3) === '00' && Number(d.labels[i].slice(0, 2)) % hours === 0) return i;
      return 0;
    })();
    const opts = {
      width: box.clientWidth, height: box.clientHeight, legend: { show: false }, padding: [10, 0, 0, 0],
      scales: {
        x: { time: false, range: [0, n] },
        kW: { range: [0, Math.max(top * 1.12, 0.5)] },
        price: { range: [0, dearest > 0 ? dearest * 1.35 : 1] }
      },
      axes: [
        axis(2, { size: 26, splits: every(first, hours * d.per_hour, n), values: function (u, s) { return s.map(function (i) { return d.labels[i]; }); } }),
        axis(3, { scale: 'kW', size: 38, space: 44, values: function (u, s) { return s.map(function (v) { return String(+v.toFixed(1)); }); } }),
        axis(1, { scale: 'price', size: 42, space: 44, grid: { show: false }, stroke: css('--price'), values: function (u, s) { return s.map(function (v) { return fixed(v, dearest < 1 ? 2 : 1); }); } })
      ],
      series: series,
      bands: [{ series: [at, at + 1], fill: css('--house-fill') }],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: {
        draw: [function (u) {
          if (d.now < 0 || d.now > n) return;
          const px = Math.round(u.valToPos(d.now, 'x', true)), c = u.ctx;
          c.save();
          c.strokeStyle = css('--nowline'); c.lineWidth = 1.5 * devicePixelRatio; c.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
          c.beginPath(); c.moveTo(px, u.bbox.top); c.lineTo(px, u.bbox.top + u.bbox.height); c.stroke();
          c.restore();
        }],
        setCursor: [function (u) {
          const i = u.cursor.left < 0 ? -1 : Math.min(n - 1, Math.floor(u.posToVal(u.cursor.left, 'x')));
          if (i < 0) { read.textContent = read.dataset.hint; return; }
          const parts = [d.labels[i], fixed(d.price[i], 2) + ' ' + d.price_unit, d.texts.house + ' ' + fixed(d.low[i], 1) + '–' + fixed(d.high[i], 1) + ' kW'];
          (d.loads || []).forEach(function (l) { if (l.kw[i] > 0) parts.push(l.name + ' ' + fixed(l.kw[i], 1) + ' kW'); });
          read.textContent = parts.join(' · ');
        }]
      }
    };
    return [opts, data];
  }

  function history(d, box, read) {
    const n = (d.labels || []).length;
    const top = Math.max.apply(null, (d.kwh || []).concat([0.1]));
    const step = Math.max(1, Math.ceil(n / Math.max(3, Math.floor(box.clientWidth / 62))));
    const whole = [], part = [];
    (d.kwh || []).forEach(function (v, i) { whole.push(d.gap[i] ? null : v); part.push(d.gap[i] ? v : null); });
    const bars = uPlot.paths.bars({ size: [0.72, 56], radius: 0.15 });
    const opts = {
      width: box.clientWidth, height: box.clientHeight, legend: { show: false }, padding: [10, 4, 0, 0],
      scales: { x: { time: false, range: [-0.6, n - 0.4] }, kWh: { range: [0, top * 1.15] } },
      axes: [
        axis(2, { size: 26, grid: { show: false }, splits: every(0, step, n), values: function (u, s) { return s.map(function (i) { return d.labels[i]; }); } }),
        axis(3, { scale: 'kWh', size: 42, space: 40, values: function (u, s) { return s.map(function (v) { return String(+v.toFixed(2)); }); } })
      ],
      series: [{},
        { scale: 'kWh', fill: css('--c1'), stroke: css('--c1'), width: 0, paths: bars, points: { show: false } },
        { scale: 'kWh', fill: css('--house-fill'), stroke: css('--house'), width: 1.5, paths: bars, points: { show: false } }],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: {
        setCursor: [function (u) {
          const i = u.cursor.left < 0 ? -1 : Math.round(u.posToVal(u.cursor.left, 'x'));
          if (i < 0 || i >= n) { read.textContent = read.dataset.hint; return; }
          read.textContent = d.labels[i] + ' · ' + fixed(d.kwh[i], 2) + ' kWh' + (d.cost[i] ? ' · ' + d.cost[i] : '') + (d.gap[i] ? ' · ' + d.texts.gap : '');
        }]
      }
    };
    return [opts, [every(0, 1, n), whole, part]];
  }

  function setUp(box) {
    const read = box.parentElement.querySelector('.chart-read'), frame = box.closest('[data-frame]');
    let chart = null, data = null, wide = 0;
    function draw() {
      if (!data) return;
      if (frame) frame.hidden = data.labels.length === 0; // the first plan is yet to come
      if (!box.clientWidth) return;
      wide = box.clientWidth;
      const made = box.dataset.chart === 'plan' ? plan(data, box, read) : history(data, box, read);
      if (chart) chart.destroy();
      chart = new uPlot(made[0], made[1], box);
      box.dataset.drawn = (Number(box.dataset.drawn) || 0) + 1;
    }
    function load() {
      fetch(box.dataset.src, { credentials: 'same-origin' }).then(function (r) {
        if (!r.ok) throw new Error(r.status);
        return r.json();
      }).then(function (d) { data = d; keeplitCalm(draw); }, function () { /* the table stays */ });
    }
    load();
    new ResizeObserver(function () { if (box.clientWidth !== wide) draw(); }).observe(box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
    let due = 0;
    document.addEventListener('htmx:oobAfterSwap', function (e) { // said by each new element; the region is in the detail
      if (due || e.detail.target.id !== box.dataset.watch) return;
      due = setTimeout(function () { due = 0; load(); }, 0);
    });
  }

  document.addEventListener('DOMContentLoaded', function () {
    document.querySelectorAll('[data-chart]').forEach(setUp);
  });
})();
