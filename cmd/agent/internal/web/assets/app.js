// What the page does beyond htmx: the token keypad, the sign that the live
// connection is lost, presses that updates do not undo, the focus on an answer.
(function () {
  'use strict';

  // --- token entry -------------------------------------------------------
  function digitsOf(s) { return s.replace(/\D/g, ''); }
  function group(s) { return s.replace(/(\d{4})(?=\d)/g, '$1 '); }

  function setUpToken(input) {
    const max = Number(input.dataset.digits) || 0;
    const count = document.getElementById('token-count');
    const pad = document.querySelector('.keypad');

    // found is the token in a pasted text: the one stretch of digits of a token's
    // length, else all its digits.
    function found(text) {
      const forms = (input.dataset.forms || '').trim().split(' ').map(Number);
      const runs = (text.match(/\d(?:[ \-.\u00a0]*\d)*/g) || []).map(digitsOf);
      const fit = new Set(runs.filter(function (r) { return forms.includes(r.length); }));
      return fit.size === 1 ? fit.values().next().value : digitsOf(text);
    }
    // write puts digits into the field, the cursor after the n-th of them.
    function write(digits, n) {
      if (max) digits = digits.slice(0, max);
      input.value = group(digits);
      n = Math.min(n, digits.length);
      const at = n + Math.max(0, Math.floor((n - 1) / 4));
      if (document.activeElement === input) input.setSelectionRange(at, at);
      input.dataset.at = n;
      count.textContent = digits ? digits.length + (max ? ' / ' + max : '') : '';
    }
    function before() { // digits before the cursor
      if (document.activeElement !== input && input.dataset.at === undefined) return digitsOf(input.value).length;
      if (document.activeElement !== input) return Number(input.dataset.at);
      return digitsOf(input.value.slice(0, input.selectionStart)).length;
    }
    input.addEventListener('input', function () {
      write(digitsOf(input.value), digitsOf(input.value.slice(0, input.selectionStart)).length);
    });
    input.addEventListener('paste', function (e) { // a whole message, of which the field would keep only the beginning
      const text = e.clipboardData && e.clipboardData.getData('text');
      if (!text || !/[^\d\s\-.]/.test(text)) return;
      e.preventDefault();
      const d = found(text);
      if (d) write(d, d.length);
    });
    input.addEventListener('keydown', function (e) { // backspace takes the digit, not the space
      if (e.key === 'Backspace' && input.selectionStart === input.selectionEnd && input.value[input.selectionStart - 1] === ' ') {
        input.setSelectionRange(input.selectionStart - 1, input.selectionStart - 1);
      }
    });
    if (input.value) write(digitsOf(input.value), 99);

    pad.hidden = false;
    if (window.matchMedia('(pointer: coarse)').matches) input.inputMode = 'none'; // the keypad is below
    pad.addEventListener('click', function (e) {
      const b = e.target.closest('button[data-key]');
      if (!b) return;
      const all = digitsOf(input.value), n = before(), key = b.dataset.key;
      if (key === 'back') {
        if (n > 0) write(all.slice(0, n - 1) + all.slice(n), n - 1);
      } else if (key === 'paste') {
        navigator.clipboard.readText().then(function (text) {
          const d = found(text);
          if (d) write(d, d.length);
        }, function () { input.focus(); });
      } else if (!max || all.length < max) {
        write(all.slice(0, n) + key + all.slice(n), n + 1);
      }
    });
    // Reading the clipboard needs a secure page; without one the key is of no use.
    if (!navigator.clipboard || !navigator.clipboard.readText) pad.querySelector('[data-key=paste]').classList.add('hide');
    document.body.addEventListener('keeplit:credited', function () { delete input.dataset.at; write('', 0); });
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
  // Where the page is long the answer floats above its end (see the style
  // sheet) and a good one goes by itself; what it says stays on the page.
  document.documentElement.classList.add('js');
  let leaving = 0;
  function show(n) {
    clearTimeout(leaving);
    if (getComputedStyle(n.parentElement).position === 'fixed') {
      if (n.classList.contains('lv-good')) leaving = setTimeout(function () { n.remove(); }, 8000);
      return;
    }
    n.focus({ preventScroll: true });
    n.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  }
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

  document.addEventListener('DOMContentLoaded', function () {
    const token = document.getElementById('token');
    if (token) setUpToken(token);
    const n = document.querySelector('#notice .notice');
    if (n) show(n);
  });
})();
