package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// wait is a time before which something is not looked at again.  A page without
// scripts says how long it was when it was written; app.js lets it run down.
type wait struct {
	Left  time.Duration
	Words string  // Left as it is said in a line
	Over  string  // said when it has passed
	Speed float64 // of the site's clock, where it is a simulated one; 0 it is not
}

// Line is a line of which the waiting time, where it stands in it, can run down.
func (w wait) Line(s string) template.HTML {
	// What is left of an answer, and not when it ends: the device's clock is not ours.
	return w.mark(s, "left", w.Left.Milliseconds())
}

func (w wait) mark(s, attribute string, ms int64) template.HTML {
	before, after, is := strings.Cut(s, w.Words)
	e := template.HTMLEscapeString
	if w.Words == "" || !is {
		return template.HTML(e(s)) //nolint:gosec // escaped
	}
	speed := ""
	if w.Speed > 0 {
		speed = `" data-speed="` + strconv.FormatFloat(w.Speed, 'f', -1, 64)
	}
	return template.HTML(`<span data-` + attribute + `="` + strconv.FormatInt(ms, 10) + speed + `" data-over="` + e(w.Over) + `">` + //nolint:gosec // escaped
		e(before) + `<span class="left">` + e(w.Words) + `</span>` + e(after) + `</span>`)
}

// LockedLine says that no token is looked at, and until when.  It is in a live
// region, which is sent when it changes: so it has the end, and the page the
// site's clock.
func (m *model) LockedLine() template.HTML {
	until := m.V.TopUp.LockedUntil
	w := wait{Words: m.In(until), Over: m.Words.T("wait.over"), Speed: m.speed()}
	return w.mark(m.Words.T("topup.gate.locked", "time", w.Words, "when", m.When(until)), "until", until.UnixMilli())
}

// speed is that of a demo's clock.
func (m *model) speed() float64 {
	if m.V.Demo == nil {
		return 0
	}
	return m.V.Demo.Speed
}
