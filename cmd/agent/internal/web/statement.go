package web

import (
	"encoding/csv"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

// The statement is shown by days, by top-ups, or entry by entry.
const (
	byDays    = "days"
	byTopUps  = "topups"
	byEntries = "entries"
)

const (
	ledgerPage    = 25 // rows
	purchasesPage = 8
	monthsShown   = 13
)

// accountBody is the statement and a stretch of history.
type accountBody struct {
	By      string
	Days    int
	History history
	Use     *Use // nil: it is asked for by itself, or could not be read
	Failed  bool // the ledger could not be read

	Statement Statement
	Months    []statement.Span
	Insight   Insight
	At        time.Time        // in the month that is shown
	Newer     time.Time        // in the month after it; zero: it is the present one
	Earlier   time.Time        // in the month before it; zero: there is none
	Open      time.Time        // the day of which the hours are shown
	Hours     []statement.Span // of Open
	TopUps    []statement.Purchase
	Rows      []LedgerRow
	Search    search
	Older     uint64 // before, of the next page; 0 none
	Newest    bool
}

// search is what a person looks for among the entries, as it was written.
type search struct {
	Text, Kind, From, To string
	Bad                  string // which of them cannot be read; "" none
}

// Any tells whether anything is looked for.
func (q search) Any() bool { return q.Text != "" || q.Kind != "" || q.From != "" || q.To != "" }

// Query is the search as a part of an address, with a leading "&".
func (q search) Query() template.URL {
	v := url.Values{}
	for _, x := range [][2]string{{"q", q.Text}, {"kind", q.Kind}, {"from", q.From}, {"to", q.To}} {
		if x[1] != "" {
			v.Set(x[0], x[1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return template.URL("&" + v.Encode()) // escaped by Encode
}

// groups are what a person may choose to see, and the kinds that are of it.
func groups() []entryGroup {
	return []entryGroup{
		{"topups", []credit.Kind{credit.Topup, credit.Gift}},
		{"energy", []credit.Kind{credit.Consumption, credit.Export, credit.Demand, credit.Levy, credit.Tax}},
		{"fixed", []credit.Kind{credit.Standing}},
		{"debts", []credit.Kind{credit.Debt, credit.Emergency}},
		{"corrections", []credit.Kind{credit.Opening, credit.Adjustment, credit.Refund}},
		{"events", []credit.Kind{credit.Supply, credit.Notice}},
	}
}

type entryGroup struct {
	Name  string
	Kinds []credit.Kind
}

// Groups are the names of what a person may choose.
func (*model) Groups() []entryGroup { return groups() }

// ledgerQuery is what an address asks for; which of its parts cannot be read is
// named in search.Bad.
func (s *Server) ledgerQuery(r *http.Request, zone *time.Location) (LedgerQuery, search) {
	v := r.URL.Query()
	w := search{Text: strings.TrimSpace(v.Get("q")), Kind: v.Get("kind"), From: v.Get("from"), To: v.Get("to")}
	q := LedgerQuery{Text: w.Text, Guest: !s.knows(r)}
	if len(q.Text) > 100 {
		w.Bad = "q"
	}
	if w.Kind != "" {
		i := slices.IndexFunc(groups(), func(g entryGroup) bool { return g.Name == w.Kind })
		if i >= 0 {
			q.Kinds = groups()[i].Kinds
		} else if q.Kinds = []credit.Kind{credit.Kind(w.Kind)}; !s.texts.Has("ledger." + w.Kind) {
			w.Bad = "kind"
		}
	}
	var ok bool
	if q.From, ok = dayOrTime(w.From, zone, false); !ok {
		w.Bad = "from"
	}
	if q.To, ok = dayOrTime(w.To, zone, true); !ok {
		w.Bad = "to"
	}
	if q.Text != "" {
		for _, g := range groups() {
			for _, k := range g.Kinds {
				if strings.Contains(strings.ToLower(s.texts.Or("ledger."+string(k), "")), strings.ToLower(q.Text)) {
					q.Also = append(q.Also, k)
				}
			}
		}
	}
	if before, err := strconv.ParseUint(v.Get("before"), 10, 64); err == nil {
		q.Before = before
	}
	return q, w
}

// dayOrTime reads 2026-11-28, of which it is the begin, or the end, or an instant;
// "" is the zero time.
func dayOrTime(text string, zone *time.Location, end bool) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		y, m, d := day.Date()
		if end {
			d++
		}
		return units.DayStart(y, m, d, zone), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err == nil
}

// monthAsked is an instant in the month that an address asks for, by its first day
// or by "2026-11"; zero is the present one.
func monthAsked(text string, zone *time.Location) (time.Time, bool) {
	if len(text) == len("2026-11") {
		text += "-28" // in the billing month that begins in it, whatever its day
	}
	at, ok := dayOrTime(text, zone, false)
	if ok && !at.IsZero() {
		at = at.Add(12 * time.Hour)
	}
	return at, ok
}

// knows tells whether who asks may read everything.
func (s *Server) knows(r *http.Request) bool { return s.cfg.OpenChanges || s.sessions.peek(r) }

func (s *Server) account(w http.ResponseWriter, r *http.Request) {
	m := s.openPage(r, "account")
	b := accountBody{Days: historyDays(r), By: r.URL.Query().Get("by")}
	q, looked := s.ledgerQuery(r, m.Zone)
	b.Search = looked
	if b.By == "" && (q.Before > 0 || looked.Any()) {
		b.By = byEntries
	}
	var err error
	switch b.By {
	case byTopUps:
		err = s.topUpsBody(r, &b, q.Before)
	case byEntries:
		err = s.entriesBody(r, &b, q)
	default:
		b.By = byDays
		err = s.daysBody(r, m, &b)
	}
	if err != nil {
		s.log.Error("ledger", "error", err)
		b.Failed = true
	}
	if b.History, err = s.history(r.Context(), m, b.Days); err != nil {
		s.log.Error("history", "error", err)
	}
	if r.URL.Query().Has("where") {
		b.Use = s.useOf(r, b.Days)
	}
	m.Body = b
	s.render(w, r, http.StatusOK, m)
}

func (s *Server) daysBody(r *http.Request, m *model, b *accountBody) (err error) {
	b.At, _ = monthAsked(r.URL.Query().Get("month"), m.Zone)
	if day, ok := dayOrTime(r.URL.Query().Get("day"), m.Zone, false); ok && !day.IsZero() {
		b.Open, b.At = day, day.Add(12*time.Hour)
		if b.Hours, err = s.agent.Hours(r.Context(), b.At); err != nil {
			return err
		}
	}
	if b.Statement, err = s.agent.Statement(r.Context(), b.At); err != nil {
		return err
	}
	if b.Months, err = s.agent.Months(r.Context(), monthsShown); err != nil {
		return err
	}
	if b.Insight, err = s.agent.Insight(r.Context(), b.At); err != nil {
		return err
	}
	for i := range b.Months {
		if !b.Months[i].From.Equal(b.Statement.Month.From) {
			continue
		}
		if i > 0 {
			b.Newer = b.Months[i-1].From.Add(12 * time.Hour)
		}
		if i+1 < len(b.Months) {
			b.Earlier = b.Months[i+1].From.Add(12 * time.Hour)
		}
	}
	return nil
}

func (s *Server) topUpsBody(r *http.Request, b *accountBody, before uint64) (err error) {
	b.Newest = before == 0
	b.TopUps, err = s.agent.Purchases(r.Context(), before, purchasesPage+1)
	if len(b.TopUps) > purchasesPage {
		b.TopUps = b.TopUps[:purchasesPage]
		b.Older = b.TopUps[purchasesPage-1].Seq
	}
	return err
}

func (s *Server) entriesBody(r *http.Request, b *accountBody, q LedgerQuery) (err error) {
	b.Newest = q.Before == 0
	if b.Search.Bad != "" {
		return nil
	}
	q.N = ledgerPage + 1
	b.Rows, err = s.agent.Ledger(r.Context(), q)
	if len(b.Rows) > ledgerPage {
		b.Rows = b.Rows[:ledgerPage]
		b.Older = b.Rows[ledgerPage-1].Seq
	}
	for i := range b.Rows {
		l := &b.Rows[i]
		l.Cause = s.causeFor(r, *l)
		if l.Cause == l.Name || l.Energy != 0 && strings.HasPrefix(l.Cause, l.Name+": ") {
			l.Cause = "" // it repeats what the row says
		}
	}
	return err
}

// hoursPart is the hours of a day, for a page that is open.
func (s *Server) hoursPart(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	m := s.model(&v, "account")
	day, ok := dayOrTime(r.URL.Query().Get("day"), m.Zone, false)
	if !ok || day.IsZero() {
		s.fail(w, r, http.StatusBadRequest, "error.not_found")
		return
	}
	hours, err := s.agent.Hours(r.Context(), day.Add(12*time.Hour))
	if err != nil {
		s.ledgerFailed(w, r, err)
		return
	}
	s.renderPart(w, r, "hours", hoursView{m, hours})
}

// ledgerFailed answers where the ledger cannot be read.
func (s *Server) ledgerFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Error("ledger", "error", err)
	s.fail(w, r, http.StatusServiceUnavailable, "ledger.failed")
}

// printed is a month on paper.
func (s *Server) printed(w http.ResponseWriter, r *http.Request) {
	m := s.openPage(r, "print")
	at, ok := monthAsked(r.URL.Query().Get("month"), m.Zone)
	if !ok {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	b, err := s.printedBody(r, at)
	if err != nil {
		s.ledgerFailed(w, r, err)
		return
	}
	m.Body = b
	s.render(w, r, http.StatusOK, m)
}

// printedBody is the month that at lies in, with its top-ups.
func (s *Server) printedBody(r *http.Request, at time.Time) (b accountBody, err error) {
	if b.Statement, err = s.agent.Statement(r.Context(), at); err != nil {
		return b, err
	}
	month := b.Statement.Month
	b.Rows, err = s.agent.Ledger(r.Context(), LedgerQuery{From: month.From, To: month.To, Kinds: []credit.Kind{credit.Topup, credit.Gift}, N: 500, Guest: true})
	slices.Reverse(b.Rows)
	return b, err
}

// statementCSV is a month by days and parts, for a spreadsheet.
func (s *Server) statementCSV(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	m := s.model(&v, "account")
	at, ok := monthAsked(r.URL.Query().Get("month"), m.Zone)
	if !ok {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	st, err := s.agent.Statement(r.Context(), at)
	if err != nil {
		s.ledgerFailed(w, r, err)
		return
	}
	csvHead(w, "statement-"+st.Month.From.In(m.Zone).Format(time.DateOnly))
	c := csv.NewWriter(w)
	c.Write([]string{"day", "kind", "name", "energy_kwh", "amount", "tax", "balance", "unit"}) //nolint:errcheck // c.Error at the end
	for _, d := range st.Days {
		day := d.From.In(m.Zone).Format(time.DateOnly)
		for _, p := range d.Parts {
			c.Write([]string{day, string(p.Kind), csvText(p.Name), kwhText(p.Energy), p.Amount.String(), p.Tax.String(), "", v.UnitCode()}) //nolint:errcheck // c.Error at the end
		}
		c.Write([]string{day, "day", "", kwhText(d.Energy - d.Sold), d.Moved().String(), "", d.Closing.String(), v.UnitCode()}) //nolint:errcheck // c.Error at the end
	}
	if c.Flush(); c.Error() != nil {
		panic(http.ErrAbortHandler)
	}
}

func kwhText(e units.Energy) string { return strconv.FormatFloat(e.KWh(), 'f', 6, 64) }

func csvHead(w http.ResponseWriter, name string) {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	h.Set("Cache-Control", "no-store")
}

// Kind is a ledger row's kind in words.
func (m *model) Kind(k string) string {
	return m.Words.Or("ledger."+k, strings.ToUpper(k[:min(1, len(k))])+strings.ReplaceAll(k[min(1, len(k)):], "_", " "))
}

// PartName is what a part of a sum is called: a charge by its own name, as the
// tariff has it.
func (m *model) PartName(kind, name string) string {
	if name != "" {
		return m.Sentence(name)[:len(m.Sentence(name))-1]
	}
	return m.Kind(kind)
}

// EntryName is what an entry is called: one by the way that it came is called by what it is.
func (m *model) EntryName(kind, name string) string {
	if k := credit.Kind(kind); k == credit.Topup || k == credit.Emergency {
		name = ""
	}
	return m.PartName(kind, name)
}

// EntryCause is why there is an entry, in the reader's words.
func (m *model) EntryCause(cause string) string {
	return present.Phrases{Format: m.Format}.EntryCause(cause)
}

// MonthName is "November 2026", or the days of a month that is none of the calendar.
func (m *model) MonthName(s statement.Span) string {
	from, to := s.From.In(m.Zone), s.To.In(m.Zone)
	if from.Day() == 1 && to.Day() == 1 && from.AddDate(0, 1, 0).Month() == to.Month() && from.AddDate(0, 1, 0).Year() == to.Year() {
		return m.Words.T("month.long."+strconv.Itoa(int(from.Month()))) + " " + strconv.Itoa(from.Year())
	}
	return m.Date(from) + " \u2013 " + m.Date(to.Add(-1))
}

// ISODay is a day as an address has it.
func (m *model) ISODay(t time.Time) string { return t.In(m.Zone).Format(time.DateOnly) }

// DayOf is a day of a month whose year is told beside it: "Tue 3 Dec".
func (m *model) DayOf(t time.Time) string {
	t = t.In(m.Zone)
	return m.Weekday(t) + " " + strconv.Itoa(t.Day()) + " " + m.Words.T("month."+strconv.Itoa(int(t.Month())))
}

// Exact is an instant that is read elsewhere and later: "Tue 3 Dec 2026 19:40 +0200".
func (m *model) Exact(t time.Time) string {
	t = t.In(m.Zone)
	return m.DayOf(t) + " " + t.Format("2006 15:04 -0700")
}

// Share is a part of a whole in percent, "" where there is no whole.
func (m *model) Share(part, of units.Money) string {
	if of <= 0 || part <= 0 {
		return ""
	}
	return strconv.FormatInt(units.MulDiv(100, int64(part), int64(of)), 10) + present.NoBreak + "%"
}

// MonthShort is the name of the month that an instant lies in.
func (m *model) MonthShort(t time.Time) string {
	return m.Words.T("month.long." + strconv.Itoa(int(t.In(m.Zone).Month())))
}

// Size is an amount whatever its sign.
func (m *model) Size(a units.Money) string { return m.Fine(max(a, -a)) }

// Past are the months that are over or have begun, the one shown left out.
func (b accountBody) Past() []statement.Span {
	return slices.DeleteFunc(slices.Clone(b.Months), func(s statement.Span) bool { return s.From.Equal(b.Statement.Month.From) })
}

// Downwards are the days of the month, the last first.
func (b accountBody) Downwards() []statement.Span {
	days := slices.Clone(b.Statement.Days)
	slices.Reverse(days)
	return days
}

// hoursView is a day by the hours.
type hoursView struct {
	M   *model
	All []statement.Span
}

// HoursOf is the hours that are shown within a day.
func (m *model) HoursOf(hours []statement.Span) hoursView { return hoursView{m, hours} }

// Spans are the hours in which something was booked.
func (h hoursView) Spans() []statement.Span {
	return slices.DeleteFunc(slices.Clone(h.All), func(s statement.Span) bool { return len(s.Parts) == 0 })
}
