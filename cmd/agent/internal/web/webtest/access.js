(() => {
  const out = [];
  const say = (what, e) => {
    const id = e ? ' <' + e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.className && typeof e.className === 'string' ? '.' + e.className.trim().replace(/\s+/g, '.') : '') + '> ' + (e.innerText || '').trim().slice(0, 40) : '';
    out.push(what + id);
  };
  const seen = e => { const s = getComputedStyle(e); return e.getClientRects().length > 0 && s.visibility !== 'hidden' && s.clipPath === 'none'; };
  const hiddenText = e => !!e.closest('.hide, [aria-hidden=true], svg');

  // --- structure
  if (!document.documentElement.lang) say('the page does not name its language');
  if (!document.title.trim()) say('the page has no title');
  if (document.querySelectorAll('h1').length !== 1) say('the page has ' + document.querySelectorAll('h1').length + ' h1');
  if (document.querySelectorAll('main').length !== 1) say('the page has not one main');
  let level = 0;
  document.querySelectorAll('main h1, main h2, main h3, main h4').forEach(h => {
    const n = Number(h.tagName[1]);
    if (level && n > level + 1) say('heading level jumps from ' + level, h);
    level = n;
  });
  const ids = {};
  document.querySelectorAll('[id]').forEach(e => { if (ids[e.id]) say('id twice', e); ids[e.id] = true; });
  ['aria-labelledby', 'aria-describedby', 'for'].forEach(a => document.querySelectorAll('[' + a + ']').forEach(e =>
    e.getAttribute(a).split(/\s+/).forEach(id => { if (!ids[id]) say(a + '=' + id + ' points nowhere', e); })));
  document.querySelectorAll('table').forEach(t => {
    if (!t.querySelector('th[scope]')) say('table without header cells', t);
    if (!t.caption) say('table without a caption', t);
  });
  document.querySelectorAll('[role=img]').forEach(e => { if (!e.getAttribute('aria-label')) say('picture without a name', e); });
  document.querySelectorAll('svg').forEach(e => { if (e.getAttribute('aria-hidden') !== 'true' && !e.getAttribute('aria-label')) say('drawing neither named nor hidden', e); });

  // --- names and targets
  const name = e => (e.getAttribute('aria-label') || (e.labels && [...e.labels].map(l => l.textContent).join(' ')) || e.textContent || e.title || '').trim();
  document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, progress').forEach(e => {
    if (!name(e)) say('no name', e);
    if (!seen(e) || e.tagName === 'PROGRESS') return;
    const r = e.getBoundingClientRect();
    const inText = e.tagName === 'A' && getComputedStyle(e).display === 'inline';
    if (!inText && (r.width < 24 || r.height < 24)) say('target ' + Math.round(r.width) + 'x' + Math.round(r.height) + ' under 24', e);
    if (!inText && matchMedia('(pointer: coarse)').matches && r.height < 40) say('target only ' + Math.round(r.height) + ' high for a finger', e);
    if (e.dataset.key && !e.classList.contains('hide') && (r.width < 56 || r.height < 56)) say('key ' + Math.round(r.width) + 'x' + Math.round(r.height) + ' under 56', e);
  });

  // --- contrast
  const parse = s => { const m = s.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1 }; };
  const over = (f, b) => ({ r: f.r * f.a + b.r * (1 - f.a), g: f.g * f.a + b.g * (1 - f.a), b: f.b * f.a + b.b * (1 - f.a), a: 1 });
  const ground = e => {
    const layers = [];
    for (let n = e; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.a > 0) layers.push(c);
      if (c.a === 1) break;
    }
    let base = { r: 255, g: 255, b: 255, a: 1 };
    for (const l of layers.reverse()) base = over(l, base);
    return base;
  };
  const lum = c => { const f = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); }; return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b); };
  const ratio = (a, b) => { const x = lum(a), y = lum(b); return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const fade = e => { let o = 1; for (let n = e; n; n = n.parentElement) o *= Number(getComputedStyle(n).opacity); return o; };
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; (t = walk.nextNode());) {
    const e = t.parentElement;
    if (!t.data.trim() || hiddenText(e) || !seen(e) || ['SCRIPT', 'STYLE', 'NOSCRIPT', 'PROGRESS'].includes(e.tagName)) continue;
    texts++;
    const s = getComputedStyle(e), bg = ground(e);
    const fg = parse(s.color);
    fg.a *= fade(e);
    const size = parseFloat(s.fontSize), big = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
    const c = ratio(over(fg, bg), bg);
    if (c < (big ? 3 : 4.5)) say('contrast ' + c.toFixed(2), e);
    if (size < 12) say('text of ' + size + ' px', e);
  }
  if (texts === 0) say('no text was found on the page');
  // Edges of fields and the icons that carry meaning.
  document.querySelectorAll('input:not([type=hidden])').forEach(e => {
    if (!seen(e)) return;
    const c = ratio(parse(getComputedStyle(e).borderTopColor), ground(e.parentElement));
    if (c < 3) say('edge contrast ' + c.toFixed(2), e);
  });
  document.querySelectorAll('svg.icon, .ring .arc').forEach(e => {
    if (e.getClientRects().length === 0) return;
    const c = ratio(parse(getComputedStyle(e).stroke), ground(e.parentElement));
    if (c < 3) say('picture contrast ' + c.toFixed(2), e.parentElement);
  });

  // --- text that runs out of its place
  document.querySelectorAll('main dd, main dt, main p, main h1, main h2, main h3, main button, main td').forEach(e => {
    if (seen(e) && !e.classList.contains('hide') && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible') say('text runs over by ' + (e.scrollWidth - e.clientWidth), e);
  });

  document.querySelectorAll('main canvas').forEach(e => {
    const r = e.getBoundingClientRect(), b = e.closest('[role=img]')?.getBoundingClientRect();
    if (!b) say('chart without a name', e);
    else if (r.left < b.left - 1 || r.right > b.right + 1 || r.bottom > b.bottom + 1) say('chart outside its place', e);
  });

  // --- sideways
  const w = document.documentElement;
  if (w.scrollWidth > w.clientWidth) {
    say('the page scrolls sideways: ' + w.scrollWidth + ' in ' + w.clientWidth);
    document.querySelectorAll('main *').forEach(e => { if (e.getBoundingClientRect().right > w.clientWidth + 1 && !e.closest('.scroll')) say('too wide', e); });
  }
  return out;
})()
