package web

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// loadTemplates parses the pages and their parts.  A part that changes while
// the page is open is a region: an element with an id, replaced as a whole.
func loadTemplates(c *present.Catalogue, a *assets) (*template.Template, error) {
	t := template.New("")
	t.Funcs(template.FuncMap{
		"t": c.T, "tn": c.N, "tor": c.Or, "has": c.Has,
		"asset": a.url,
		"icon":  icon,
		"region": func(name, id string, data any) (template.HTML, error) {
			return region{name, id, data}.render(t, false)
		},
		"pair":  func(a, b any) [2]any { return [2]any{a, b} },
		"seq":   func(items ...string) []string { return items },
		"lines": func(s string) int { return min(12, 1+strings.Count(s, "\n")) },
	})
	return t.ParseFS(embedded, "templates/*.html")
}

// icon is one of the pictures drawn in templates/icons.html.  They stand beside
// words and are hidden from screen readers.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true"><use href="#i-` + template.HTMLEscapeString(name) + `"/></svg>`) //nolint:gosec // escaped
}

// region is a live part of a page: template name, element id r-ID.
type region struct {
	name string
	id   string
	data any
}

// render writes the region's element; swap adds the mark by which htmx puts its
// content in the place of the old.
func (g region) render(t *template.Template, swap bool) (template.HTML, error) {
	var b bytes.Buffer
	b.WriteString(`<div id="r-` + template.HTMLEscapeString(g.id) + `" class="region region-` + g.name + `"`)
	if swap {
		b.WriteString(` hx-swap-oob="innerHTML"`)
	}
	b.WriteString(">")
	if err := t.ExecuteTemplate(&b, "r-"+g.name, g.data); err != nil {
		return "", err
	}
	b.WriteString("</div>")
	return template.HTML(b.String()), nil //nolint:gosec // made by html/template
}

// notice is an answer to something the reader did.
type notice struct {
	Level string // "good", "low", "bad"
	Title string
	Lines []string
	// Receipts is what became of each of several tokens, and Left those that are
	// left to enter, one a line.
	Receipts []receipt
	Left     string
	Wait     wait // before the next try
	Gate     bool // it says what the gate of tokens says too: while it stands there, once is enough
}

// Icon is the picture of a level, used wherever a level is shown.
func (n notice) Icon() string { return levelIcon(n.Level) }

func levelIcon(level string) string {
	switch level {
	case "good":
		return "check"
	case "low":
		return "warn"
	case "bad":
		return "stop"
	default:
		return "info"
	}
}

// model is what every page is drawn from.
type model struct {
	present.Format
	V *picture.View

	Lang, Title, Page string
	Languages         []Language
	RightToLeft       bool
	Unchecked         bool   // nobody who speaks the language has looked at the texts
	Path              string // of this page, to come back to
	SignedIn          bool
	MayChange         bool // signed in, or changes are open
	PINSet            bool
	OpenChanges       bool
	Revision          string
	Notice            *notice
	Body              any // what only this page has
}

// formatFor writes with the money, the clock and the day of v.
func formatFor(c *present.Catalogue, v *picture.View) present.Format {
	return present.NewFormat(c, v.Unit, v.Zone, v.At)
}

func (s *Server) model(v *picture.View, page string) *model {
	return &model{
		Format: formatFor(s.texts, v), V: v,
		Lang: s.texts.Lang(), Languages: s.names(), RightToLeft: s.texts.RightToLeft(), Unchecked: !s.texts.Checked(), Title: s.cfg.Title, Page: page,
		PINSet: s.gate.guarded(), OpenChanges: s.cfg.OpenChanges, Revision: s.revision(v),
	}
}

// revision changes when an open page no longer fits what is served: other
// assets, other loads, another language.
func (s *Server) revision(v *picture.View) string {
	parts := []string{s.assets.hash, v.System.Version}
	for _, l := range v.Loads {
		parts = append(parts, l.ID)
	}
	return strconv.FormatUint(hashOf(parts...), 36)
}

// liveRegions are the regions of a page, in order.
func (m *model) liveRegions() []region {
	out := []region{{"chip", "chip", m}}
	if m.V.Demo != nil {
		out = append(out, region{"demo", "demo", m})
	}
	switch m.Page {
	case "home":
		out = append(out, region{"alerts", "alerts", m}, region{"quiet", "quiet", m}, region{"supply", "supply", m}, region{"hero", "hero", m}, region{"until", "until", m}, region{"expected", "expected", m},
			region{"now", "now", m}, region{"emergency", "emergency", m}, region{"plan", "plan", m}, region{"leftmore", "leftmore", m}, region{"leftrest", "leftrest", m}, region{"chartkey", "chartkey", m}, region{"plantable", "plantable", m})
		for _, l := range m.Loads() {
			out = append(out, region{"load", "load-" + l.ID, l}, region{"why", "why-" + l.ID, l}, region{"loadmore", "loadmore-" + l.ID, l}, region{"act", "act-" + l.ID, l})
		}
	case "topup":
		out = append(out, region{"gate", "gate", m}, region{"balance", "balance", m})
	case "account":
		out = append(out, region{"balance", "balance", m}, region{"sums", "sums", m})
	case "tariff":
		out = append(out, region{"tariffnow", "tariffnow", m}, region{"registers", "registers", m})
	case "system":
		out = append(out, region{"warnings", "warnings", m}, region{"supplyis", "supplyis", m}, region{"system", "system", m}, region{"beside", "beside", m})
	}
	return out
}

// render writes a whole page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, m *model) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, m.Page+".html", m); err != nil {
		s.log.Error("page", "page", m.Page, "error", err)
		http.Error(w, s.texts.T("error.page"), http.StatusInternalServerError)
		return
	}
	s.writeHTML(w, r, status, b.Bytes())
}

// renderPart answers with a part of a page.
func (s *Server) renderPart(w http.ResponseWriter, r *http.Request, name string, data any) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		s.log.Error("part", "part", name, "error", err)
		http.Error(w, s.texts.T("error.page"), http.StatusInternalServerError)
		return
	}
	s.writeHTML(w, r, http.StatusOK, b.Bytes())
}

// renderNotice answers a request that htmx made: only the notice.
func (s *Server) renderNotice(w http.ResponseWriter, r *http.Request, n *notice, more ...region) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "notice", n); err != nil {
		s.log.Error("notice", "error", err)
		http.Error(w, s.texts.T("error.page"), http.StatusInternalServerError)
		return
	}
	for _, g := range more {
		h, err := g.render(s.pages, true)
		if err != nil {
			s.log.Error("region", "region", g.id, "error", err)
			continue
		}
		b.WriteString(string(h))
	}
	s.writeHTML(w, r, http.StatusOK, b.Bytes())
}

func (s *Server) writeHTML(w http.ResponseWriter, r *http.Request, status int, b []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if takesGzip(r) {
		if z, err := s.zip(b); err == nil {
			h.Set("Content-Encoding", "gzip")
			b = z
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	writeBody(w, r, b)
}

// hashOf tells whether a fragment changed, or what a page was drawn from.
func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))    //nolint:errcheck // a hash takes all
		h.Write([]byte{0xff}) //nolint:errcheck // a mark between the parts
	}
	return h.Sum64()
}

func (g region) String() string { return fmt.Sprintf("%s (%s)", g.id, g.name) }
