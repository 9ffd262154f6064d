// What the page does beyond htmx: the token keypad, the sign that the live
// connection is lost, presses that updates do not undo, the focus on an answer.
(function () {
  'use strict';

  // --- token entry -------------------------------------------------------
  function digitsOf(s) { return s.replace(/\D/g, ''); }
  function group(s) { return s.replace(/(\d{4})(?=\d)/g, '$1 '); }

  // The field holds one token, which is grouped as it is typed, or text: several
  // tokens, or a whole message, which stay as they were pasted.  The agent finds
  // the tokens in it.
  function setUpToken(input) {
    const max = Number(input.dataset.digits) || 0;
    const forms = (input.dataset.forms || '').trim().split(' ').map(Number);
    const count = document.getElementById('token-count');
    const pad = document.querySelector('.keypad');

    function text(s) { return /[^\d \-.]/.test(s.trim()); }
    // even tells whether groups are as tokens are printed; a number beside an amount is not.
    function even(g) {
      return g.length === 1 || g[0].length < 7 && g.slice(0, -1).every(function (x) { return x.length === g[0].length; }) && g[g.length - 1].length <= g[0].length;
    }
    // found is the token in a pasted text: the one stretch of digits of a token's
    // length; none where there is another that may have been meant for one.
    function found(s) {
      const parts = s.match(/\d(?:[ \-.\t\u00a0]*\d)*/g) || [], runs = parts.map(digitsOf);
      const fit = new Set(runs.filter(function (r) { return forms.includes(r.length); }));
      return fit.size === 1 && parts.every(function (r) { return even(r.match(/\d+/g)); }) && runs.every(function (r) { return !max || r.length < 0.7 * max || fit.has(r); }) ? fit.values().next().value : '';
    }
    // What was refused is kept until something else is typed, which takes its place: digits that
    // were meant for the next token must not end up behind it, or nowhere.
    function spent() {
      if (!input.dataset.refused) return false;
      delete input.dataset.refused;
      delete input.dataset.at;
      return true;
    }
    // write puts a token's digits into the field, the cursor after the n-th of them.
    function write(digits, n) {
      if (max) digits = digits.slice(0, max);
      input.value = group(digits);
      input.rows = 1;
      n = Math.min(n, digits.length);
      const at = n + Math.max(0, Math.floor((n - 1) / 4));
      if (document.activeElement === input) input.setSelectionRange(at, at);
      input.dataset.at = n;
      count.textContent = digits ? digits.length + (max ? ' / ' + max : '') : '';
    }
    function grow() {
      input.rows = Math.min(12, input.value.split('\n').length);
      count.textContent = '';
      delete input.dataset.at;
    }
    // next begins a line where more is typed than a token has: it is of the next one.
    function next() {
      const lines = input.value.split('\n'), last = lines.pop(), d = digitsOf(last);
      if (!max || forms.length !== 1 || text(last) || d.length !== max + 1 || input.selectionStart !== input.value.length) return false;
      input.value = lines.concat(group(d.slice(0, max)), d.slice(max)).join('\n');
      grow();
      return true;
    }
    // fill puts in what was pasted, or what is left to enter.
    function fill(s) {
      const one = found(s), d = digitsOf(s);
      s = s.trim();
      if (one) {
        write(one, one.length);
      } else if (!text(s) && (!max || d.length <= max)) {
        write(d, d.length);
      } else {
        input.value = !text(s) && forms.length === 1 && d.length % max === 0 ? d.match(new RegExp('.{' + max + '}', 'g')).map(group).join('\n') : s;
        grow();
      }
    }
    function before() { // digits before the cursor
      if (document.activeElement !== input && input.dataset.at === undefined) return digitsOf(input.value).length;
      if (document.activeElement !== input) return Number(input.dataset.at);
      return digitsOf(input.value.slice(0, input.selectionStart)).length;
    }
    // What is typed letter by letter stays as it is typed: with its words gone the numbers
    // of a message would run into one another.  What is put in as a whole is looked through.
    function whole(e) { return !e.inputType || /^insertFrom|^insertReplacement/.test(e.inputType) || e.inputType === 'insertText' && !!e.data && e.data.length > 1; }
    input.addEventListener('input', function (e) {
      const s = input.value, d = digitsOf(s);
      if (next()) return;
      if (!text(s) && (!max || d.length <= max + (forms.length === 1 ? 1 : 0))) {
        write(d, digitsOf(s.slice(0, input.selectionStart)).length);
      } else if (!s.includes('\n') && (text(s) ? whole(e) && found(s) : true)) { // put in as a whole
        fill(s);
      } else {
        grow();
      }
    });
    input.addEventListener('paste', function (e) {
      if (spent()) input.value = '';
      const s = e.clipboardData && e.clipboardData.getData('text');
      if (!s || !text(s) && digitsOf(s).length <= max || text(input.value)) return;
      e.preventDefault();
      fill(s);
    });
    input.addEventListener('keydown', function (e) {
      if (/^\d$/.test(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey && spent()) input.value = '';
      if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { // as in a field of one line
        e.preventDefault();
        input.form.requestSubmit();
      }
      // Backspace takes the digit, not the space.
      if (e.key === 'Backspace' && !text(input.value) && input.selectionStart === input.selectionEnd && input.value[input.selectionStart - 1] === ' ') {
        input.setSelectionRange(input.selectionStart - 1, input.selectionStart - 1);
      }
    });
    if (input.value) fill(input.value);

    pad.hidden = false;
    if (window.matchMedia('(pointer: coarse)').matches) input.inputMode = 'none'; // the keypad is below
    pad.addEventListener('click', function (e) {
      const b = e.target.closest('button[data-key]');
      if (!b) return;
      const key = b.dataset.key;
      if (spent() && /\d/.test(key)) input.value = '';
      const all = digitsOf(input.value), n = before();
      if (key === 'paste') {
        navigator.clipboard.readText().then(fill, function () { input.focus(); });
      } else if (text(input.value)) { // where the cursor is, and nothing else moves
        const at = input.selectionStart, end = input.selectionEnd;
        input.setRangeText(key === 'back' ? '' : key, key === 'back' && at === end ? Math.max(0, at - 1) : at, end, 'end');
        if (!text(input.value)) write(digitsOf(input.value), all.length); // one token is left of several
        else if (!next()) grow();
      } else if (key === 'back') {
        if (n > 0) write(all.slice(0, n - 1) + all.slice(n), n - 1);
      } else if (!max || all.length < max) {
        write(all.slice(0, n) + key + all.slice(n), n + 1);
      } else if (n === all.length) {
        input.value += key;
        if (!next()) write(all, n);
      }
    });
    // Reading the clipboard needs a secure page; without one the key is of no use.
    if (!navigator.clipboard || !navigator.clipboard.readText) pad.querySelector('[data-key=paste]').classList.add('hide');
    document.body.addEventListener('keeplit:credited', function () { delete input.dataset.at; write('', 0); });
    document.body.addEventListener('keeplit:refused', function () { input.dataset.refused = '1'; });
    document.body.addEventListener('keeplit:left', function (e) { fill(e.detail.text); });
  }

  // --- live connection ---------------------------------------------------
  const known = new WeakSet();
  let lost = 0;
  document.addEventListener('htmx:sseOpen', function (e) {
    clearTimeout(lost);
    lost = 0;
    document.getElementById('offline').hidden = true;
    const source = e.detail.source;
    if (known.has(source)) return;
    known.add(source);
    source.addEventListener('reload', function () { keeplitCalm(function () { location.reload(); }); });
    source.addEventListener('signedout', signIn);
  });
  function signIn() {
    location.assign('/signin?next=' + encodeURIComponent(location.pathname + location.search));
  }
  document.addEventListener('htmx:sseError', function (e) {
    // Refused, and not only out of reach: an error event does not tell why.
    const source = e.detail.source;
    if (source.readyState === EventSource.CLOSED) {
      fetch(source.url).then(function (r) {
        if (r.status === 401) signIn();
        if (r.body) r.body.cancel(); // a stream has no end of its own
      }, function () { /* the next try comes by itself */ });
    }
    if (!lost) lost = setTimeout(function () { document.getElementById('offline').hidden = false; }, 3000);
  });
  window.addEventListener('pagehide', function () { clearTimeout(lost); lost = -1; });

  // --- tabs that nobody sees ------------------------------------------------
  // A browser has six connections for a host, and each open page keeps one: a page
  // in the background gives its own back, and asks for what is new when it is seen.
  let stream = null;
  function rest() {
    if (stream) stream.close();
    stream = null;
    clearTimeout(lost);
    lost = 0;
  }
  document.addEventListener('htmx:sseOpen', function (e) {
    stream = e.detail.source;
    if (document.visibilityState === 'hidden') rest();
  });
  document.addEventListener('visibilitychange', function () {
    const live = document.getElementById('live');
    if (!live) return;
    if (document.visibilityState === 'hidden') { rest(); return; }
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    live.replaceWith(live.cloneNode());
    htmx.process(document.getElementById('live').parentElement);
  });

  // --- presses -----------------------------------------------------------
  // What is swapped, shown or hidden between a press and its release moves the
  // button from under the finger, and the click is lost: it waits for the release.
  const waiting = [];
  let pressed = 0; // the timer that ends the wait, 0 while nothing is pressed
  window.keeplitCalm = function (change) {
    if (pressed) waiting.push(change); else change();
  };
  function hold(ms) {
    clearTimeout(pressed);
    pressed = setTimeout(function () {
      pressed = 0;
      waiting.splice(0).forEach(function (change) { change(); });
    }, ms);
  }
  function press(e) { if (e.type !== 'keydown' || e.key === ' ') hold(5000); } // a release elsewhere is never heard of
  function release() { if (pressed) hold(300); } // after a touch the click comes later
  for (const e of ['pointerdown', 'keydown']) document.addEventListener(e, press, true);
  for (const e of ['pointerup', 'pointercancel', 'keyup']) document.addEventListener(e, release, true);
  document.addEventListener('htmx:sseBeforeMessage', function (e) {
    if (!pressed) return;
    e.preventDefault();
    const source = e.detail.target, again = new MessageEvent(e.detail.type, { data: e.detail.data });
    waiting.push(function () { source.dispatchEvent(again); });
  });

  // --- answers -----------------------------------------------------------
  // Where the page is long the answer stays below the bar at the top (see the style
  // sheet), over nothing that it is about, and a good one goes by itself; what it says
  // stays on the page.
  document.documentElement.classList.add('js');
  let leaving = 0;
  function show(n) {
    clearTimeout(leaving);
    if (getComputedStyle(n.parentElement).position === 'sticky') {
      if (n.classList.contains('lv-good')) leaving = setTimeout(function () { keeplitCalm(function () { n.remove(); }); }, 8000);
      return;
    }
    n.focus({ preventScroll: true });
    n.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  }
  document.addEventListener('click', function (e) {
    if (e.target.closest('[data-print]')) window.print();
  });
  // The menu of languages lies over the page: it goes with whatever is done elsewhere.
  for (const on of ['click', 'focusin', 'keydown']) document.addEventListener(on, function (e) {
    const menu = document.querySelector('.tongue[open]');
    if (menu && (on === 'keydown' ? e.key === 'Escape' : !menu.contains(e.target))) menu.open = false;
  });

  document.addEventListener('click', function (e) {
    const b = e.target.closest('[data-close]');
    if (b) b.closest('.notice').remove();
  });
  document.addEventListener('htmx:afterSwap', function (e) {
    const n = e.target.id === 'notice' && e.target.querySelector('.notice');
    if (n) show(n);
  });
  function failed() {
    const slot = document.getElementById('offline');
    slot.hidden = false;
    slot.scrollIntoView({ block: 'center' });
  }
  document.addEventListener('htmx:sendError', failed);
  document.addEventListener('htmx:responseError', failed);

  // --- waiting times -------------------------------------------------------
  // The words say how long it was when they were written; here the time that is left
  // runs.  Screen readers keep the words: a live region would read out each second.
  let ticking = 0;
  function speedOf(line) { return Number(line.dataset.speed) || 1; } // of a demo's clock
  function endOf(line) {
    if (line.dataset.end) return Number(line.dataset.end);
    let from = Date.now(), left = Number(line.dataset.left);
    if (line.dataset.until) { // by the site's clock, which may not be this device's
      const site = line.closest('[data-now]');
      from = Number(site.dataset.from ??= from);
      left = Number(line.dataset.until) - Number(site.dataset.now);
    }
    line.dataset.end = from + left / speedOf(line);
    return Number(line.dataset.end);
  }
  function two(n) { return String(n).padStart(2, '0'); }
  function count() {
    const lines = document.querySelectorAll('[data-over]');
    for (const line of lines) {
      const s = Math.ceil((endOf(line) - Date.now()) * speedOf(line) / 1000);
      if (s <= 0) {
        line.textContent = line.dataset.over;
        delete line.dataset.over;
        continue;
      }
      let clock = line.querySelector('.clock');
      if (!clock) {
        clock = document.createElement('span');
        clock.className = 'clock';
        clock.setAttribute('aria-hidden', 'true');
        line.querySelector('.left').after(clock);
        line.querySelector('.left').classList.add('hide');
      }
      const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
      clock.textContent = (h ? h + ':' + two(m) : m) + ':' + two(s % 60);
    }
    if (!lines.length) { clearInterval(ticking); ticking = 0; }
    else if (!ticking) ticking = setInterval(count, 1000);
  }
  for (const e of ['DOMContentLoaded', 'htmx:afterSwap', 'htmx:oobAfterSwap', 'htmx:sseMessage']) document.addEventListener(e, count);

  // --- notifications -------------------------------------------------------
  // Of the credit alone, while a page is open, each cause once for all tabs.  A tab that
  // nobody sees has no stream, so it asks once a minute.
  const bells = 'keeplit.bells', toldBells = 'keeplit.told';
  function kept(key) { try { return localStorage.getItem(key); } catch { return null; } } // a browser may keep nothing
  function keep(key, value) { try { localStorage.setItem(key, value); } catch { /* then it is told again */ } }
  function mayRing() { return window.isSecureContext && 'Notification' in window && 'serviceWorker' in navigator; }
  function rings() { return mayRing() && Notification.permission === 'granted' && kept(bells) === 'on'; }
  async function ring() {
    if (!rings()) return;
    try {
      const answer = await fetch('/bells.json', { cache: 'no-store' });
      if (!answer.ok) return;
      const now = await answer.json(), told = JSON.parse(kept(toldBells) || '{}'), next = {}, fresh = [];
      for (const b of now) {
        if (!told[b.id]) fresh.push(b);
        next[b.id] = Date.now();
      }
      for (const id in told) if (!next[id] && Date.now() - told[id] < 6 * 36e5) next[id] = told[id]; // what comes and goes
      if (fresh.length) {
        const worker = await navigator.serviceWorker.register('/bell.js');
        await navigator.serviceWorker.ready;
        // Two tabs may come to it at once: of one tag there is one notification.
        for (const b of fresh) await worker.showNotification(b.title, { body: b.text, tag: b.id, icon: document.querySelector('link[rel="apple-touch-icon"]').href });
      }
      keep(toldBells, JSON.stringify(next)); // and no sooner: a page that is left meanwhile has told nobody
    } catch { /* it is asked again in a minute */ }
  }
  function setUpBell(slot) {
    const on = slot.querySelector('[data-bell=on]'), off = slot.querySelector('[data-bell=off]'), denied = slot.querySelector('[data-bell=denied]'), insecure = slot.querySelector('[data-bell=insecure]');
    function look() {
      const refused = mayRing() && Notification.permission === 'denied';
      on.hidden = !mayRing() || refused || rings();
      off.hidden = !rings();
      denied.hidden = !refused;
      insecure.hidden = mayRing();
    }
    on.addEventListener('click', async function () {
      keep(bells, 'on');
      await Notification.requestPermission();
      look();
      ring();
    });
    off.addEventListener('click', function () { keep(bells, 'off'); look(); });
    look();
  }
  setInterval(ring, 60000);

  // --- a configuration that is wrong --------------------------------------
  // What is said of it is asked for again, and when an agent answers its page comes.
  function waitForAgent(slot) {
    setInterval(async function () {
      try {
        const answer = await fetch('/wrong', { cache: 'no-store' });
        if (!answer.ok) {
          location.reload();
          return;
        }
        const now = await answer.text();
        if (now !== slot.dataset.last && slot.dataset.last !== undefined) slot.innerHTML = now;
        slot.dataset.last = now;
      } catch { /* it is being started */ }
    }, 3000);
  }

  document.addEventListener('DOMContentLoaded', function () {
    const wrong = document.getElementById('wrong');
    if (wrong) waitForAgent(wrong);
    const token = document.getElementById('token');
    if (token) setUpToken(token);
    const bell = document.getElementById('bell');
    if (bell) setUpBell(bell);
    ring();
    const n = document.querySelector('#notice .notice');
    if (n) show(n);
  });
})();
