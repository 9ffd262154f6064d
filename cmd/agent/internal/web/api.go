package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

// The API under /api/v1 says and does what the page does, in the forms of package api.
//
//	GET  /api/v1/openapi.json                    all this as an OpenAPI document; needs no PIN
//	GET  /api/v1/view                            the whole picture
//	GET  /api/v1/events                          the same as server-sent events ("view", then what changed as "change", RFC 7386)
//	GET  /api/v1/tariff                          the tariff in full
//	GET  /api/v1/marginal                        what a kWh and a run of each load cost more, by when they begin
//	GET  /api/v1/topup?until=2026-12-24          the least top-up that lasts to the end of that day
//	GET  /api/v1/ledger?before=SEQ&n=100         newest first; kind, q, from and to look for some
//	GET  /api/v1/statement?by=day&at=2026-11-28  the account added up by day, hour, month or topup
//	GET  /api/v1/cuts?n=100                      when the supply was off, and for what cause
//	GET  /api/v1/use?days=7                      where the energy went, what is always on, what would have cost less
//	GET  /api/v1/insight?at=2026-11-28           why a month costs more, what limit is near, what money buys
//	GET  /api/v1/history?from=TIME&to=TIME       measured intervals, 31 days at the most; "next" tells where to go on
//	POST /api/v1/topup                           {"token":"..."}
//	POST /api/v1/expect                          {"expect":"away from 20 Dec until 3 Jan"}, "guests ...", "3 kWh from Sun 12:00", "back", "withdraw 2"
//	POST /api/v1/until                           {"until":"Fri 18:00"}, or "off"
//	POST /api/v1/opt-out                         {"of":"grid"}: none, local, grid or both
//	POST /api/v1/meter/readings                  {"shown":"412.3"}: what stands on the utility's meter
//	POST /api/v1/meter/readings/{n}/withdraw
//	POST /api/v1/loads/{id}/run|skip|auto
//	POST /api/v1/emergency/accept
//	POST /api/v1/supply/reconnect
//	POST /api/v1/warnings/{code}/seen
//	GET  /api/v1/settings                        what is set on the page of settings
//	POST /api/v1/settings                        {"language":"sw"}, {"reading":"closed"}
//	GET  /api/v1/settings/loads                  what is set of each load
//	POST /api/v1/settings/loads/{id}             {"hours":"22:00-06:00","class":"can_wait"}; what is left out stays
//	POST /api/v1/settings/loads/{id}/reset       the configuration holds again
//	POST /api/v1/alerts/trial                    {"to":"my phone"}: a trial message; to nobody named, to all
//	GET  /api/v1/programs                        the programs that are let in; with the PIN alone, as all of these
//	POST /api/v1/programs                        {"name":"Node-RED","scopes":["read","control"]}; answers with the token, once
//	POST /api/v1/programs/{name}/withdraw
//
// A PIN, or the token of a program, goes with the request as a bearer token or as the
// password of basic authentication (any user name); the browser's session counts too.
func (s *Server) apiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/openapi.json", s.apiDocument)
	mux.HandleFunc("GET /api/v1/view", s.api(settings.Read, s.apiView))
	mux.HandleFunc("GET /api/v1/events", s.api(settings.Read, s.apiEvents))
	mux.HandleFunc("GET /api/v1/tariff", s.api(settings.Read, s.apiTariff))
	mux.HandleFunc("GET /api/v1/marginal", s.api(settings.Read, s.apiMarginal))
	mux.HandleFunc("GET /api/v1/ledger", s.api(settings.Read, s.heavy(s.apiLedger)))
	mux.HandleFunc("GET /api/v1/statement", s.api(settings.Read, s.heavy(s.apiStatement)))
	mux.HandleFunc("GET /api/v1/insight", s.api(settings.Read, s.heavy(s.apiInsight)))
	mux.HandleFunc("GET /api/v1/cuts", s.api(settings.Read, s.apiCuts))
	mux.HandleFunc("GET /api/v1/use", s.api(settings.Read, s.heavy(s.apiUse)))
	mux.HandleFunc("GET /api/v1/log", s.api(settings.Read, s.heavy(s.apiLog)))
	mux.HandleFunc("GET /api/v1/history", s.api(settings.Read, s.heavy(s.apiHistory)))
	mux.HandleFunc("GET /api/v1/limits", s.api(settings.Read, s.heavy(s.apiLimits)))
	mux.HandleFunc("GET /api/v1/topup", s.api(settings.Read, s.apiTopUpFor))
	mux.HandleFunc("POST /api/v1/topup", s.api(settings.TopUp, s.apiTopUp))
	mux.HandleFunc("POST /api/v1/expect", s.api(settings.Control, s.apiExpect))
	mux.HandleFunc("POST /api/v1/outages", s.api(settings.Control, s.apiOutages))
	mux.HandleFunc("POST /api/v1/until", s.api(settings.Control, s.apiUntil))
	mux.HandleFunc("POST /api/v1/opt-out", s.api(settings.Control, s.apiOptOut))
	mux.HandleFunc("POST /api/v1/meter/readings", s.api(settings.Control, s.heavy(s.apiMeterReading)))
	mux.HandleFunc("POST /api/v1/meter/readings/{n}/withdraw", s.api(settings.Control, s.apiWithdrawReading))
	mux.HandleFunc("POST /api/v1/loads/{id}/{action}", s.api(settings.Control, func(w http.ResponseWriter, r *http.Request) {
		do, ok := s.loadCommand(r.PathValue("action"))
		if !ok {
			s.fail(w, r, http.StatusNotFound, "error.not_found")
			return
		}
		s.apiDone(w, r, do(r.Context(), r.PathValue("id")))
	}))
	mux.HandleFunc("POST /api/v1/emergency/accept", s.api(settings.TopUp, func(w http.ResponseWriter, r *http.Request) {
		s.apiDone(w, r, s.agent.AcceptEmergency(r.Context()))
	}))
	mux.HandleFunc("POST /api/v1/supply/reconnect", s.api(settings.Control, func(w http.ResponseWriter, r *http.Request) {
		s.apiDone(w, r, s.agent.Reconnect(r.Context()))
	}))
	mux.HandleFunc("POST /api/v1/warnings/{code}/seen", s.api(settings.Control, func(w http.ResponseWriter, r *http.Request) {
		s.apiDone(w, r, s.agent.Acknowledge(r.Context(), r.PathValue("code")))
	}))
	mux.HandleFunc("GET /api/v1/settings", s.api(settings.Change, s.apiSettings))
	mux.HandleFunc("POST /api/v1/settings", s.api(settings.Change, s.apiSet))
	mux.HandleFunc("GET /api/v1/settings/loads", s.api(settings.Change, s.apiAppliances))
	mux.HandleFunc("POST /api/v1/settings/loads/{id}", s.api(settings.Change, s.apiSetAppliance))
	mux.HandleFunc("POST /api/v1/settings/loads/{id}/reset", s.api(settings.Change, s.apiResetAppliance))
	mux.HandleFunc("POST /api/v1/alerts/trial", s.api(settings.Change, s.apiTrial))
	mux.HandleFunc("GET /api/v1/programs", s.api(byPIN, s.apiPrograms))
	mux.HandleFunc("POST /api/v1/programs", s.api(byPIN, s.apiLetIn))
	mux.HandleFunc("POST /api/v1/programs/{name}/withdraw", s.api(byPIN, s.apiWithdraw))
}

func (s *Server) loadCommand(action string) (func(context.Context, string) error, bool) {
	switch action {
	case "run":
		return s.agent.LoadRun, true
	case "skip":
		return s.agent.LoadSkip, true
	case "auto":
		return s.agent.LoadAuto, true
	default:
		return nil, false
	}
}

// apiError refuses a request, in the form of package api; whoever asks for problem+json has its name for it.
func apiError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	b, _ := json.Marshal(api.Problem{ //nolint:errcheck // strings and a number
		Error: api.Fault{Code: code, Message: message}, Type: "urn:keeplit:" + code, Title: http.StatusText(status), Status: status, Detail: message,
	})
	problem(w, r, status, b)
}

// problem answers with a refusal that is written.
func problem(w http.ResponseWriter, r *http.Request, status int, b []byte) {
	kind := "application/json"
	if strings.Contains(r.Header.Get("Accept"), openapi.ProblemType) {
		kind = openapi.ProblemType
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	w.WriteHeader(status)
	w.Write(b) //nolint:errcheck // the reader has gone
}

// wants reads the body of a command, or says by a text of the catalogue what it wants.
func (s *Server) wants(w http.ResponseWriter, r *http.Request, into any, text string) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || d.More() {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T(text))
		return false
	}
	return true
}

// apiDone answers a command.
func (s *Server) apiDone(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *Refusal
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &refusal):
		apiError(w, r, http.StatusConflict, "refused", refusal.Error())
	case errors.Is(err, ErrUnknown):
		apiError(w, r, http.StatusNotFound, "unknown", s.texts.T("error.gone"))
	default:
		s.log.Error("command", "path", r.URL.Path, "error", err)
		apiError(w, r, http.StatusServiceUnavailable, "failed", s.texts.T("error.command"))
	}
}

func (s *Server) apiTopUp(w http.ResponseWriter, r *http.Request) {
	var q api.Token
	if !s.wants(w, r, &q, "error.json") {
		return
	}
	if len(q.Token) > credit.LongestText {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.long"))
		return
	}
	res, err := s.agent.TopUp(r.Context(), strings.TrimSpace(q.Token), "api")
	v := s.agent.View()
	m := s.model(&v, "")
	n := s.topupNotice(m, res, err)
	message := present.Sentences(append([]string{n.Title}, n.Lines...)...)
	if err != nil {
		apiError(w, r, http.StatusServiceUnavailable, "not_known", message)
		return
	}
	a := wireTopUp(res)
	a.Message = message
	for i, e := range res.Each {
		one := wireTopUp(e)
		a.Tokens = append(a.Tokens, api.Receipt{N: e.N, Ends: ending(e.Digits), Outcome: one.Outcome, Slip: one.Slip, Amount: one.Amount, Paid: one.Paid, Effect: one.Effect, At: one.At, Message: n.Receipts[i].line()})
	}
	s.writeJSON(w, r, topUpStatus(res.Outcome), a)
}

// wireTopUp is what became of a token, or of several together, as it is sent.
func wireTopUp(res TopUpResult) api.TopUp {
	a := api.TopUp{
		Outcome: string(res.Outcome), Amount: res.Amount.String(), Effect: res.Effect, At: api.At(res.At), Until: api.At(res.Until),
		Restored: res.Restored, Slip: res.Slip,
	}
	if res.Outcome == Accepted || len(res.Each) > 0 {
		a.Balance = res.Balance.String()
		for _, p := range res.Paid {
			a.Paid = append(a.Paid, api.Part{Name: p.Name, Amount: p.Amount.String()})
		}
	}
	if len(res.NextToDebt) > 0 {
		a.Next = &api.Foretold{Amount: res.NextAmount.String()}
		for _, part := range res.NextToDebt {
			a.Next.ToDebt = append(a.Next.ToDebt, part.String())
		}
	}
	if res.Outcome == Wrong {
		a.TriesLeft = &res.TriesLeft
	}
	return a
}

func topUpStatus(o Outcome) int {
	switch o {
	case Accepted:
		return http.StatusOK
	case AlreadyUsed:
		return http.StatusConflict
	case Locked:
		return http.StatusTooManyRequests
	case NotRecorded, NotKnown:
		return http.StatusServiceUnavailable
	case Wrong, TooOld, Malformed, Refused, Waiting:
	}
	return http.StatusUnprocessableEntity
}

// ending is as much of a token as tells it from others on a slip.
func ending(digits string) string { return digits[max(0, len(digits)-3):] }

func (s *Server) apiLedger(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	q, looked := s.ledgerQuery(r, formatFor(s.texts, &v).Zone)
	_, err1 := strconv.ParseUint(orDefault(r.URL.Query().Get("before"), "0"), 10, 64)
	var err2 error
	q.N, err2 = strconv.Atoi(orDefault(r.URL.Query().Get("n"), "100"))
	if err1 != nil || err2 != nil || q.N < 1 || q.N > 500 || looked.Bad != "" {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.ledger_query"))
		return
	}
	rows, err := s.agent.Ledger(r.Context(), q)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	out := make([]api.LedgerRow, len(rows))
	for i, l := range rows {
		out[i] = api.LedgerRow{
			Seq: l.Seq, At: l.At.UTC(), Kind: l.Kind, Name: l.Name, Amount: l.Amount.String(), Balance: l.Balance.String(), KWh: l.Energy.KWh(), Cause: s.causeFor(r, l),
		}
		if l.Tax != 0 {
			out[i].Tax = l.Tax.String()
		}
	}
	s.writeJSON(w, r, http.StatusOK, api.Ledger{Rows: out})
}

func (s *Server) apiStatement(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	q := r.URL.Query()
	at, ok := monthAsked(q.Get("at"), formatFor(s.texts, &v).Zone)
	before, err1 := strconv.ParseUint(orDefault(q.Get("before"), "0"), 10, 64)
	n, err2 := strconv.Atoi(orDefault(q.Get("n"), "13"))
	by := orDefault(q.Get("by"), "day")
	if !ok || err1 != nil || err2 != nil || n < 1 || n > 60 || !slices.Contains([]string{"day", "hour", "month", "topup"}, by) {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.statement_query"))
		return
	}
	a, err := s.statement(r.Context(), by, at, before, n)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	s.writeJSON(w, r, http.StatusOK, a)
}

func (s *Server) statement(ctx context.Context, by string, at time.Time, before uint64, n int) (a api.Statement, err error) {
	var spans []statement.Span
	switch by {
	case "hour":
		if at.IsZero() {
			at = s.agent.View().At
		}
		spans, err = s.agent.Hours(ctx, at)
		sum := statement.Whole(spans)
		a.Sum = new(api.StretchOf(&sum))
	case "month":
		spans, err = s.agent.Months(ctx, n)
	case "topup":
		var list []statement.Purchase
		list, err = s.agent.Purchases(ctx, before, n+1)
		if len(list) > n {
			list = list[:n]
			a.Earlier = &list[n-1].Seq
		}
		a.TopUps = []api.Purchase{}
		for i := range list {
			a.TopUps = append(a.TopUps, api.PurchaseOf(&list[i]))
		}
		return a, err
	default:
		var st Statement
		st, err = s.agent.Statement(ctx, at)
		spans = st.Days
		a.Sum = new(api.StretchOf(&st.Month))
	}
	for i := range spans {
		a.Rows = append(a.Rows, api.StretchOf(&spans[i]))
	}
	return a, err
}

func (s *Server) apiInsight(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	at, ok := monthAsked(r.URL.Query().Get("at"), formatFor(s.texts, &v).Zone)
	if !ok {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.statement_query"))
		return
	}
	i, err := s.agent.Insight(r.Context(), at)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	s.writeJSON(w, r, http.StatusOK, wireInsight(i))
}

// wireInsight is what a month means as it is sent.
func wireInsight(i Insight) api.Insight {
	out := api.Insight{Buys: []api.Bought{}, ExpectedKWh: i.Expected.KWh()}
	if c := i.Compared; c != nil {
		out.Compared = &api.Compared{
			From: c.From.UTC(), To: c.To.UTC(), Before: c.Before.UTC(), BeforeTo: c.BeforeTo.UTC(), Charged: c.Charged.String(), ChargedBefore: c.ChargedBefore.String(),
			KWh: c.UsedAfter.KWh(), KWhBefore: c.UsedBefore.KWh(),
		}
		if !c.Unexplained {
			use, price := c.Use.String(), c.Price.String()
			out.Compared.Use, out.Compared.Price = &use, &price
		}
	}
	if i.Carried > 0 {
		out.Carried = &api.Carried{LeftKWh: i.Carried.KWh(), LapsesKWh: i.Lapses.KWh(), Until: i.Until.UTC()}
	}
	if l := i.Limit; l != nil {
		out.Limit = &api.Limit{Name: l.Name, Class: l.Class, LeftKWh: l.Left.KWh(), Until: l.Until.UTC(), Saves: l.Saves.String(), Months: l.Months, Beyond: units.Money(l.Beyond).String()}
	}
	for _, b := range i.Buys {
		out.Buys = append(out.Buys, api.Bought{Amount: b.Amount.String(), ToDebt: b.ToDebt.String(), Credit: b.Credit.String(), KWh: b.Energy.KWh(), Seconds: b.Lasts.Seconds(), Foreseen: b.Foreseen})
	}
	return out
}

func (s *Server) apiLog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	before, err1 := strconv.ParseInt(orDefault(q.Get("before"), "0"), 10, 64)
	n, err2 := strconv.Atoi(orDefault(q.Get("n"), "100"))
	if err1 != nil || err2 != nil || before < 0 || n < 1 || n > 500 {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.ledger_query"))
		return
	}
	rows, err := s.agent.Log(r.Context(), before, n)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	out := make([]api.LogRow, len(rows))
	for i, l := range rows {
		out[i] = api.LogRow{ID: l.ID, At: l.At.UTC(), Severity: string(l.Severity), Code: l.Code, Title: l.Title, Text: l.Text}
	}
	s.writeJSON(w, r, http.StatusOK, api.Log{Rows: out})
}

// historyPage is the longest range that one answer holds.
const historyPage = 31 * 24 * time.Hour

// asked is the time of from and to that a request asks for, a page of most at once: where there
// is more, next is where to ask on.  ok is false where that was no such time, and it is answered.
func (s *Server) asked(w http.ResponseWriter, r *http.Request, usual, most time.Duration) (from, to time.Time, next *time.Time, ok bool) {
	q := r.URL.Query()
	to = s.agent.View().At
	from = to.Add(-usual)
	var err1, err2 error
	if t := q.Get("to"); t != "" {
		to, err1 = time.Parse(time.RFC3339, t)
		from = to.Add(-usual)
	}
	if t := q.Get("from"); t != "" {
		from, err2 = time.Parse(time.RFC3339, t)
	}
	if err1 != nil || err2 != nil || !from.Before(to) {
		apiError(w, r, http.StatusBadRequest, "malformed", s.texts.T("error.history_query"))
		return from, to, nil, false
	}
	// A page at a time: ten years at once took half a gigabyte from thirty readers.
	if last := from.Add(most); to.After(last) {
		to, next = last, api.At(last)
	}
	return from.UTC(), to.UTC(), next, true
}

func (s *Server) apiHistory(w http.ResponseWriter, r *http.Request) {
	from, to, next, ok := s.asked(w, r, 24*time.Hour, historyPage)
	if !ok {
		return
	}
	points, err := s.agent.History(r.Context(), from, to)
	if err != nil {
		s.apiDone(w, r, err)
		return
	}
	out := make([]api.Point, len(points))
	for i, p := range points {
		out[i] = api.Point{Start: p.Slot.Start.UTC(), Seconds: p.Slot.Len.Seconds(), KWh: p.Energy.KWh(), Cost: p.Cost.String(), Gap: p.Gap, Held: p.Held}
	}
	s.writeJSON(w, r, http.StatusOK, api.History{Points: out, Next: next})
}

// apiDocument is how to use the API, which is no secret.
func (s *Server) apiDocument(w http.ResponseWriter, r *http.Request) {
	s.writeJSON(w, r, http.StatusOK, json.RawMessage(openapi.Document()))
}

// wire is a picture as it is sent.
func (s *Server) wire(v *picture.View) api.View {
	return api.ViewOf(present.Phrases{Format: formatFor(s.texts, v)}, v)
}

func (s *Server) apiView(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, s.wire(&v))
}

func (s *Server) apiMarginal(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	s.writeJSON(w, r, http.StatusOK, api.MarginalOf(&v))
}

func (s *Server) apiEvents(w http.ResponseWriter, r *http.Request) {
	t, r, free, ok := s.startStream(w, r)
	if !ok {
		return
	}
	defer free()
	may := func() bool { return s.readingOpen() || s.lets(r) || s.sessions.peek(r) }
	var sent []byte
	s.follow(r.Context(), t, may, func(v *picture.View) error {
		b, err := json.Marshal(s.wire(v))
		if err != nil {
			return err
		}
		was := sent
		if sent = b; was == nil {
			return t.send("view", b)
		}
		change, err := jsonpatch.CreateMergePatch(was, b)
		if err != nil {
			return err
		}
		return t.send("change", change)
	})
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
