package web

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/sealed"
)

// openPage is the model of a page for the reader of r.
func (s *Server) openPage(r *http.Request, page string) *model {
	v := s.agent.View()
	m := s.model(&v, page)
	m.Path = r.URL.RequestURI()
	m.SignedIn = s.sessions.signed(r.Context())
	m.MayChange = m.SignedIn || s.cfg.OpenChanges
	m.Notice = s.popNotice(r)
	return m
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, s.openPage(r, "home"))
}

func (s *Server) topupPage(w http.ResponseWriter, r *http.Request) {
	m := s.openPage(r, "topup")
	b := topupBody{Lasts: s.lastsFor(m, r.URL.Query().Get("until")), Last: s.lastTopUp(r)}
	if m.Notice != nil {
		b.Token = m.Notice.Left
	}
	m.Body = b
	s.render(w, r, http.StatusOK, m)
}

// lastTopUp is the newest top-up; nil: there is none.
func (s *Server) lastTopUp(r *http.Request) *statement.Purchase {
	last, err := s.agent.Purchases(r.Context(), 0, 1)
	if err != nil {
		s.log.Error("last top-up", "error", err)
	}
	if len(last) == 0 {
		return nil
	}
	return &last[0]
}

// topupBody is what the top-up form is filled with again where it must be, and
// what lasts until when.
type topupBody struct {
	Token string
	Lasts lasts
	Last  *statement.Purchase // the newest top-up; nil: there is none
}

func (s *Server) systemPage(w http.ResponseWriter, r *http.Request) {
	m := s.openPage(r, "system")
	b := systemBody{}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	b.Newest = before == 0
	rows, err := s.agent.Log(r.Context(), before, logPage+1)
	if err != nil {
		s.log.Error("log", "error", err)
		b.Failed = true
	}
	if len(rows) > logPage {
		rows = rows[:logPage]
		b.Older = rows[logPage-1].ID
	}
	b.Rows = rows
	if b.Supply.Cuts, err = s.agent.Cuts(r.Context(), cutsShown); err != nil {
		s.log.Error("cuts", "error", err)
		b.Supply.Failed = true
	}
	if key, err := s.receiptKey(); err == nil {
		b.Key = sealed.PublicOf(key)
	}
	m.Body = b
	s.render(w, r, http.StatusOK, m)
}

const logPage = 20 // rows

// systemBody is a page of what happened.
type systemBody struct {
	Rows   []picture.LogRow
	Older  int64 // before, of the next page; 0 none
	Newest bool
	Failed bool   // it could not be read
	Key    string // that receipts are signed with; "" none
	Supply cutsBody
}

func (s *Server) ledgerCSV(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	f := formatFor(s.texts, &v)
	unit := v.Unit.Code
	if v.Unit.Energy {
		unit = "kWh"
	}
	q, looked := s.ledgerQuery(r, f.Zone)
	if looked.Bad != "" {
		s.fail(w, r, http.StatusBadRequest, "error.ledger_query")
		return
	}
	csvHead(w, "ledger-"+v.At.In(f.Zone).Format("2006-01-02"))
	c := csv.NewWriter(w)
	c.Write([]string{"seq", "time_utc", "time_local", "kind", "name", "amount", "tax", "balance", "unit", "energy_kwh", "cause"}) //nolint:errcheck // c.Error at the end
	for q.N = 500; ; {
		rows, err := s.agent.Ledger(r.Context(), q)
		if err != nil {
			// The status has gone out; a cut connection is the only honest sign left.
			s.log.Error("ledger export", "error", err)
			panic(http.ErrAbortHandler)
		}
		for _, l := range rows {
			c.Write([]string{ //nolint:errcheck // c.Error at the end
				strconv.FormatUint(l.Seq, 10), l.At.UTC().Format("2006-01-02T15:04:05Z"), l.At.In(f.Zone).Format("2006-01-02 15:04:05"),
				l.Kind, csvText(l.Name), l.Amount.String(), l.Tax.String(), l.Balance.String(), unit, kwhText(l.Energy), csvText(s.causeFor(r, l)),
			})
			q.Before = l.Seq
		}
		c.Flush()
		if len(rows) < 500 || c.Error() != nil || q.Before <= 1 {
			return
		}
	}
}

// causeFor is what the reader may know of an entry: with the meter's number a
// stranger could buy, or complain, in the household's name.
func (s *Server) causeFor(r *http.Request, l LedgerRow) string {
	if s.knows(r) {
		return l.Cause
	}
	return l.Guest
}

// csvText keeps a spreadsheet from taking a text for a formula.
func csvText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (s *Server) manifest(w http.ResponseWriter, r *http.Request) {
	svg, _ := s.assets.url("icon.svg") //nolint:errcheck // embedded
	png, _ := s.assets.url("icon.png") //nolint:errcheck // embedded
	b, err := json.Marshal(map[string]any{
		"name": s.cfg.Title, "short_name": s.cfg.Title, "start_url": "/", "display": "standalone",
		"background_color": "#0f1512", "theme_color": "#0f1512",
		"icons": []map[string]string{
			{"src": svg, "sizes": "any", "type": "image/svg+xml"},
			{"src": png, "sizes": "192x192", "type": "image/png"},
		},
	})
	if err != nil {
		s.fail(w, r, http.StatusInternalServerError, "error.page")
		return
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, r, b)
}
