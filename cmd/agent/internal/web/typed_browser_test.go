package web

import (
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// TestBrowserTokensTyped types several tokens one after the other, as a message read out is: what is
// more than a token has is of the next one, and nothing that was typed is dropped without a word.
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
}
