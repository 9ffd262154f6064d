package webtest

import (
	_ "embed"
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed access.js
var accessJS string

// Check is what a reader with poor sight, a keyboard or large fingers would
// trip over on the page as it is now: structure, names, targets, contrast
// computed from the styles in force, sideways scrolling.
func (p *Page) Check() []string {
	p.tb.Helper()
	var out []string
	p.Eval(accessJS, &out)
	return out
}

// CheckFocus tabs through the page and returns the elements on which the focus
// cannot be seen or is covered by another; it fails the test where the focus
// does not move at all.
func (p *Page) CheckFocus(steps int) []string {
	p.tb.Helper()
	var out []string
	seen := map[string]bool{}
	p.Eval("document.activeElement && document.activeElement.blur(), window.scrollTo(0, 0)", nil)
	for range steps {
		p.must(p.do(chromedp.KeyEvent(kb.Tab)))
		var at struct {
			Name    string
			Outline float64
			Covered bool
		}
		p.Eval(`(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
			const x = r.left + r.width / 2, y = r.top + r.height / 2, top = document.elementFromPoint(x, y);
			return { Name: e.tagName + '#' + e.id + ' ' + (e.innerText || e.name || '').trim().slice(0, 30),
				Outline: s.outlineStyle === 'none' ? 0 : parseFloat(s.outlineWidth),
				Covered: e !== document.body && !!top && !e.contains(top) && !top.contains(e) } })()`, &at)
		if at.Outline < 2 && at.Name[:4] != "BODY" && at.Name[:4] != "HTML" {
			out = append(out, fmt.Sprintf("focus cannot be seen on %s", at.Name))
		}
		if at.Covered {
			out = append(out, fmt.Sprintf("focused but covered: %s", at.Name))
		}
		seen[at.Name] = true
	}
	if len(seen) < min(steps, 3) {
		p.tb.Fatalf("the tab key reaches only %v", seen)
	}
	return out
}
