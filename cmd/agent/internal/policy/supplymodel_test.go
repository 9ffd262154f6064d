package policy

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// The model of a disconnection: what docs/policy.md says of it, written anew from the document
// and beside the code.  It remembers what was said and heard in its own terms, reads clocks
// and calendars by their faces, and answers one question: is the home off by the utility?

// word is an envelope as the utility has signed it.
type word struct {
	kind         string // notice, order, ready, rules, alert
	text         string
	epoch, n     uint64
	signed, over time.Time
	keys         int // that signed it
	id           string
	from, until  time.Time
	rules        faces
	lasts        time.Duration // of an alert
}

// key names it: two that differ in their number or epoch are two.
func (w word) key() string { return fmt.Sprint(w.kind, " ", w.epoch, "/", w.n) }

// after tells whether it was numbered after another.
func (w word) after(o word) bool { return w.epoch > o.epoch || w.epoch == o.epoch && w.n > o.n }

// faces are rules of protection by what clocks and calendars show.
type faces struct {
	from, to string // each day, "16:00" to "08:00"; "" none
	holiday  string // 2026-10-28, and the day before it
	risk     string // to the end of that day
	frost    bool   // ALERT_FREEZING protects
	notice   time.Duration
}

// protects is what protects by them; ends tells whether that ends a disconnection, too.
func (f faces) protects(now time.Time, frost bool) (yes, ends bool) {
	date, clock := now.In(berlin).Format("2006-01-02"), now.In(berlin).Format("15:04")
	tomorrow := now.In(berlin).AddDate(0, 0, 1).Format("2006-01-02")
	ends = f.risk != "" && date <= f.risk || f.frost && frost
	return ends || f.holiday != "" && (date == f.holiday || tomorrow == f.holiday) || f.from != "" && (clock >= f.from || clock < f.to), ends
}

// document is the rules as a site's configuration has them.
func (f faces) document() *credit.ProtectedDocument {
	d := &credit.ProtectedDocument{AtRisk: f.risk, Notice: f.notice, Eves: true}
	if f.from != "" {
		d.Windows = []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: minutes(f.from), To: minutes(f.to)}}
	}
	if f.holiday != "" {
		d.Holidays = []string{f.holiday}
	}
	if f.frost {
		d.Alerts = []string{"FREEZING"}
	}
	return d
}

func minutes(clock string) credit.TimeOfDay {
	x, _ := time.Parse("15:04", clock)
	return credit.TimeOfDay(x.Hour()*60 + x.Minute())
}

// body is the rules as a utility signs them.
func (f faces) body(until time.Time) string {
	out := fmt.Sprintf(`{"rules":{"until":%q,"eves":true`, until.Format(time.RFC3339))
	if f.from != "" {
		out += fmt.Sprintf(`,"windows":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":%q,"to":%q}]`, f.from, f.to)
	}
	if f.holiday != "" {
		out += fmt.Sprintf(`,"holidays":[%q]`, f.holiday)
	}
	if f.risk != "" {
		out += fmt.Sprintf(`,"at_risk":%q`, f.risk)
	}
	if f.frost {
		out += `,"alerts":["FREEZING"]`
	}
	if f.notice > 0 {
		out += fmt.Sprintf(`,"notice":"PT%dS"`, int(f.notice.Seconds()))
	}
	return out + "}}"
}

// model is what a site should make of what it has heard.
type model struct {
	own    *faces
	signed *faces
	until  time.Time // of the signed ones
	hears  bool      // messages
	may    bool      // the configuration lets the utility disconnect
	epoch  uint64
	top    map[string]uint64 // the highest number of a stream that was used, in this epoch
	used   map[string]bool   // words whose number was
	notice *word
	heard  time.Time
	off    *word
	since  time.Time
	frost  *word
}

// doubts are what a site may be unsure of.
type doubts struct {
	dateless, held bool
	bar            Bar
}

func (m *model) all() (out []faces) {
	if m.own != nil {
		out = append(out, *m.own)
	}
	if m.signed != nil {
		out = append(out, *m.signed)
	}
	return out
}

func (m *model) freezes(now time.Time) bool {
	return m.hears && m.frost != nil && !now.Before(m.frost.signed) && now.Before(m.frost.signed.Add(m.frost.lasts))
}

func (m *model) protected(now time.Time) (yes, ends bool) {
	for _, f := range m.all() {
		y, e := f.protects(now, m.freezes(now))
		yes, ends = yes || y, ends || e
	}
	return yes, ends
}

// passes lets time pass.
func (m *model) passes(now time.Time) {
	if m.frost != nil && (!m.hears || !now.Before(m.frost.signed.Add(m.frost.lasts))) {
		m.frost = nil
	}
	if !m.may {
		m.off, m.notice = nil, nil
		return
	}
	if n := m.notice; n != nil && now.After(n.from.Add(31*24*time.Hour)) && (m.off == nil || m.off.id != n.id) {
		m.notice = nil
	}
	if m.off == nil {
		return
	}
	_, ends := m.protected(now)
	if ends || !now.Before(m.off.until) || m.off.until.Sub(now) > 31*24*time.Hour+time.Hour || m.since.Sub(now) > time.Hour {
		m.ends()
	}
}

func (m *model) ends() {
	if m.notice != nil && m.notice.id == m.off.id {
		m.notice = nil
	}
	m.off = nil
}

// hear takes a word.
func (m *model) hear(w word, now time.Time, d doubts) {
	stream := "supply"
	if w.kind == "alert" {
		stream = "message"
		if !m.hears {
			return
		}
	}
	switch {
	case w.kind == "ready" && m.may && m.off != nil && w.after(*m.off):
		if w.epoch == m.epoch {
			m.used[w.key()], m.top[stream] = true, max(m.top[stream], w.n)
		}
	case m.used[w.key()] || w.epoch != m.epoch || d.dateless || w.signed.After(now.Add(2*time.Minute)) || !now.Before(w.over) || w.n <= m.top[stream]:
		return
	default:
		m.used[w.key()], m.top[stream] = true, w.n
	}
	if w.kind != "alert" && !m.may {
		return
	}
	switch w.kind {
	case "alert":
		if now.Before(w.signed.Add(w.lasts)) {
			m.frost = &w
		}
	case "ready":
		if m.notice != nil && w.after(*m.notice) {
			m.notice = nil
		}
		if m.off != nil {
			m.ends()
		}
	case "notice":
		if d.bar != NoTime && !now.After(w.from.Add(31*24*time.Hour)) {
			m.notice, m.heard = &w, now
		}
	case "rules":
		if w.keys == 2 && w.until.After(now) {
			f := w.rules
			m.signed, m.until = &f, w.until
		}
	case "order":
		if !m.mayCut(w, now, d) {
			return
		}
		if m.off == nil {
			m.since = now
		}
		m.off = &w
	}
}

// mayCut tells whether nothing at all is against an order that came in time and in order.
func (m *model) mayCut(w word, now time.Time, d doubts) bool {
	if w.keys != 2 || d.held || d.bar != Free || !w.until.After(now) || len(m.all()) == 0 || m.signed != nil && !now.Before(m.until) {
		return false
	}
	wait := time.Duration(0)
	for _, f := range m.all() {
		if f.frost && !m.hears {
			return false
		}
		wait = max(wait, f.notice)
	}
	for _, at := range []time.Time{now, w.signed} {
		if yes, _ := m.protected(at); yes {
			return false
		}
	}
	if m.off != nil && m.off.id == w.id {
		return true
	}
	n := m.notice
	return n != nil && n.id == w.id && !now.Before(n.from) && !w.signed.Before(n.from) && !now.Before(m.heard.Add(wait))
}

var berlin = func() *time.Location {
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return z
}()
