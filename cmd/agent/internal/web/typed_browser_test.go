package web

import (
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// TestBrowserTokensTyped types and pastes tokens, also several one after the other, as a message read
// out is: what is more than a token has is of the next one, and nothing is dropped without a word.
func TestBrowserTokensTyped(t *testing.T) {
	b := webtest.Start(t)
	for name, write := range map[string]func(p *webtest.Page){
		"at the keyboard": func(p *webtest.Page) { p.Type("#token", goodToken+" 1234 5678901234567890"+staleToken) },
		"on the keypad": func(p *webtest.Page) {
			for _, d := range goodToken + "12345678901234567890" + staleToken {
				p.Click("[data-key='" + string(d) + "']")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := b.Page(t, webtest.Phone())
			signIn(p, serve(t, newFake(), nil))
			p.Open(p.URL() + "topup")
			write(p)
			p.Wait("three lines", "document.getElementById('token').value.split('\\n').map(l => l.replaceAll(' ', '')).join() === '"+goodToken+",12345678901234567890,"+staleToken+"'")
			clean(t, p, "several tokens typed")
		})
	}
	t.Run("a digit too many is taken back", func(t *testing.T) {
		t.Parallel()
		p := b.Page(t, webtest.Phone())
		signIn(p, serve(t, newFake(), nil))
		p.Open(p.URL() + "topup")
		for _, d := range goodToken + "7" {
			p.Click("[data-key='" + string(d) + "']")
		}
		p.Wait("a line of its own", "document.getElementById('token').value === '1082 3475 9102 9384 7561\\n7'")
		p.Click("[data-key=back]")
		p.Wait("one token", "document.getElementById('token').value === '1082 3475 9102 9384 7561'")
	})
	t.Run("digits run from left to right where words do not", func(t *testing.T) {
		t.Parallel()
		p := b.Page(t, webtest.Phone())
		url := serve(t, newFake(), nil)
		signIn(p, url)
		p.Open(url + "/language/ar?back=/topup")
		p.Wait("it is from right to left", "document.documentElement.dir === 'rtl'")
		p.Type("#token", "12345678901234567890")
		p.Wait("as they are typed", `(() => { const x = k => document.querySelector('[data-key="' + k + '"]').getBoundingClientRect().left;
			return getComputedStyle(document.getElementById('token')).direction === 'ltr' && x(1) < x(2) && x(2) < x(3); })()`)
		p.Click("#topup-send")
		p.See("#notice", "\u20661234 5678 9012 3456 7890\u2069")
		p.Wait("to be corrected, without a mark in it", "document.getElementById('token').value === '1234 5678 9012 3456 7890'")
	})
	t.Run("a refused token makes room for the next one, and the button stays on the screen", func(t *testing.T) {
		t.Parallel()
		for _, way := range []string{"keypad", "keyboard"} {
			p := b.Page(t, webtest.Phone())
			signIn(p, serve(t, newFake(), nil))
			p.Open(p.URL() + "topup")
			p.Type("#token", "12345678901234567890")
			p.Click("#topup-send")
			p.See("#notice", "You entered 1234 5678 9012 3456 7890.")
			p.Wait("it is there to be corrected", "document.getElementById('token').value === '1234 5678 9012 3456 7890'")
			p.Wait("the button is on the screen", `(() => { const r = document.getElementById('topup-send').getBoundingClientRect(), at = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
				return r.top >= 0 && r.bottom <= innerHeight && at && at.closest('#topup-send') !== null; })()`)
			if way == "keypad" {
				p.Click("[data-key='1']")
				p.Click("[data-key='0']")
			} else {
				p.Type("#token", "10")
			}
			p.Wait(way+": the new digits alone", "document.getElementById('token').value === '10'")
			p.Screenshot("topup-refused-"+way, false)
			clean(t, p, "a refused token")
		}
	})
	t.Run("a refused token is corrected with the key that deletes", func(t *testing.T) {
		t.Parallel()
		p := b.Page(t, webtest.Phone())
		signIn(p, serve(t, newFake(), nil))
		p.Open(p.URL() + "topup")
		p.Type("#token", "12345678901234567890")
		p.Click("#topup-send")
		p.See("#notice", "You entered")
		p.Click("[data-key=back]")
		p.Click("[data-key='7']")
		p.Wait("its last digit is another one", "document.getElementById('token').value === '1234 5678 9012 3456 7897'")
	})
	t.Run("a date with its time has room on a phone", func(t *testing.T) {
		t.Parallel()
		for _, width := range []int64{320, 390} {
			small := webtest.Phone()
			small.Width = width
			p := b.Page(t, small)
			p.Open(serve(t, newFake(), nil) + "/")
			p.Click(".hero .lasts summary")
			p.Wait("its parts stand in it", `(() => { const i = document.getElementById('until'); return i.offsetWidth >= 235 && i.scrollWidth <= i.clientWidth; })()`)
			p.Screenshot("until-field", false)
		}
	})
	t.Run("typing, editing and pasting a token", func(t *testing.T) {
		t.Parallel()
		url := serve(t, newFake(), nil)
		p := b.Page(t, webtest.Desktop())
		p.Open(url + "/topup")
		p.Type("#token", "12345678")
		p.Wait("grouped", "document.getElementById('token').value === '1234 5678'")
		p.Keys("\b\b\b\b\b")
		p.Wait("backspace over the gap", "document.getElementById('token').value === '123'")
		p.Eval(`(() => { const t = document.getElementById('token'); t.value = ''; t.focus(); document.execCommand('insertText', false, 'Token: 1082-3475 9102\t9384 7561 thank you'); })()`, nil)
		p.Wait("pasted", "document.getElementById('token').value === '1082 3475 9102 9384 7561'")
		message := "Token 1082 3475 9102 9384 7561 meter 04123456789 R100"
		p.Eval(`document.getElementById('token').value = ''`, nil)
		p.Type("#token", message)
		p.Wait("a message that is typed stays as it is typed", "document.getElementById('token').value === '"+message+"'")
		// A whole message, with the meter's number before the token.
		p.Eval(`(() => { const t = document.getElementById('token'); t.value = ''; const d = new DataTransfer();
			d.setData('text', 'Meter 07123456789, token 1082-3475-9102-9384-7561, 25.6 kWh');
			t.dispatchEvent(new ClipboardEvent('paste', {clipboardData: d, cancelable: true, bubbles: true})); })()`, nil)
		p.Wait("the token of a message", "document.getElementById('token').value === '1082 3475 9102 9384 7561'")
		p.Click("[data-key='5']")
		p.Wait("what is more than a token has begins the next one", "document.getElementById('token').value === '1082 3475 9102 9384 7561\\n5'")
		clean(t, p, "top-up")
	})
}
