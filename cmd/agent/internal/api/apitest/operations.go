package apitest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// Operation is one request that the API answers.
type Operation struct {
	ID, Method, Path string
	Says             string
	Params           []Param
	Takes            any         // the body's form; nil: none
	Answers          map[int]any // by status; nil is no body, and from 400 on a Problem
	Stream           bool        // what it answers with goes on
}

// Param is a parameter in the query, or in the path where that names it.
type Param struct {
	Name, Type, Format, Says string
	Words                    []string
}

// statuses are what the request can be answered with, the PIN's and the ground's among them.
func (o Operation) statuses() []int {
	all := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable}
	all = append(all, slices.Collect(maps.Keys(o.Answers))...)
	slices.Sort(all)
	return slices.Compact(all)
}

// ByPIN is the scope of what only who has the PIN may do.
const ByPIN = "pin"

// Scope is what a program's token must have for it; "" nothing.
func (o Operation) Scope() string {
	is := func(ids ...string) bool { return slices.Contains(ids, o.ID) }
	switch {
	case is("openapi"):
		return ""
	case is("programs", "letIn", "withdrawProgram"):
		return ByPIN
	case is("settings", "set", "trial", "loadSettings", "setLoad", "resetLoad"):
		return "settings"
	case is("topUp", "emergency"):
		return "top-up"
	case o.Method == http.MethodGet:
		return "read"
	}
	return "control"
}

// Operations are all of them.
func Operations() []Operation {
	before := Param{Name: "before", Type: "integer", Says: "only what has a smaller number; 0: the newest"}
	n := Param{Name: "n", Type: "integer", Says: "how many at the most"}
	day := Param{Name: "at", Format: "date", Says: "a day; the one that is now where it is left out"}
	ok := func(form any) map[int]any { return map[int]any{http.StatusOK: form} }
	asked := func(form any) map[int]any { return map[int]any{http.StatusOK: form, http.StatusBadRequest: nil} }
	done := func(more ...int) map[int]any {
		out := map[int]any{http.StatusNoContent: nil, http.StatusConflict: nil}
		for _, status := range more {
			out[status] = nil
		}
		return out
	}
	const get, post = http.MethodGet, http.MethodPost
	return []Operation{
		{ID: "view", Method: get, Path: "/api/v1/view", Says: "The whole picture.", Answers: ok(api.View{})},
		{ID: "events", Method: get, Path: "/api/v1/events", Stream: true, Says: "The same as server-sent events: view whole, then change with what has changed since, as a merge patch (RFC 7386).", Answers: ok(nil)},
		{
			ID: "tariff", Method: get, Path: "/api/v1/tariff", Says: "The tariff in full.", Answers: asked(api.TariffDetail{}),
			Params: []Param{{Name: "amount", Says: "what so much money buys now and in the next billing month"}},
		},
		{ID: "marginal", Method: get, Path: "/api/v1/marginal", Says: "What a kWh and a run of each load cost more, by when they begin.", Answers: ok(api.Marginal{})},
		{
			ID: "topUpNeed", Method: get, Path: "/api/v1/topup", Says: "The smallest top-up that lasts to the end of a day.", Answers: map[int]any{http.StatusOK: api.TopUpNeed{}, http.StatusNotFound: nil},
			Params: []Param{{Name: "until", Format: "date", Says: "the day; a week ahead where it is left out"}},
		},
		{
			ID: "ledger", Method: get, Path: "/api/v1/ledger", Says: "Entries of the ledger, newest first.", Answers: asked(api.Ledger{}),
			Params: []Param{before, n, {Name: "kind", Says: "only of this kind, such as topup"}, {Name: "q", Says: "only with this text"}, {Name: "from", Says: "a day or a time"}, {Name: "to", Says: "a day or a time"}},
		},
		{
			ID: "statement", Method: get, Path: "/api/v1/statement", Says: "The account added up.", Answers: asked(api.Statement{}),
			Params: []Param{{Name: "by", Says: "what a row is", Words: []string{"day", "hour", "month", "topup"}}, day, before, n},
		},
		{ID: "insight", Method: get, Path: "/api/v1/insight", Says: "Why a month costs more, what limit is near, what money buys.", Answers: asked(api.Insight{}), Params: []Param{day}},
		{
			ID: "cuts", Method: get, Path: "/api/v1/cuts", Says: "When the supply was not on, and for what cause, as the newest entries of the ledger about it have it.", Answers: asked(api.Cuts{}),
			Params: []Param{{Name: "n", Type: "integer", Says: "how many entries are looked at, 1 to 500; 100 where it is left out"}},
		},
		{
			ID: "use", Method: get, Path: "/api/v1/use", Says: "Where the energy of the last days went, what is always on, and what would have cost less in four weeks.", Answers: asked(api.Use{}),
			Params: []Param{{Name: "days", Type: "integer", Says: "1 to 31; 7 where it is left out"}},
		},
		{ID: "log", Method: get, Path: "/api/v1/log", Says: "What happened, newest first.", Answers: asked(api.Log{}), Params: []Param{before, n}},
		{
			ID: "history", Method: get, Path: "/api/v1/history", Says: "Measured intervals, 31 days at the most; next tells where to go on.", Answers: asked(api.History{}),
			Params: []Param{{Name: "from", Format: "date-time", Says: "a day before to where it is left out"}, {Name: "to", Format: "date-time", Says: "now where it is left out"}},
		},
		{
			ID: "limits", Method: get, Path: "/api/v1/limits", Says: "The limits that held, with what was drawn meanwhile, 31 days at the most; next tells where to go on.", Answers: asked(api.LimitLog{}),
			Params: []Param{
				{Name: "from", Format: "date-time", Says: "a week before to where it is left out"},
				{Name: "to", Format: "date-time", Says: "now where it is left out"},
				{Name: "format", Says: "csv is a table of the same", Words: []string{"json", "csv"}},
			},
		},
		{
			ID: "topUp", Method: post, Path: "/api/v1/topup", Says: "Enters a token, or several.", Takes: api.Token{},
			Answers: map[int]any{http.StatusOK: api.TopUp{}, http.StatusBadRequest: nil, http.StatusConflict: api.TopUp{}, http.StatusUnprocessableEntity: api.TopUp{}, http.StatusTooManyRequests: Either{}, http.StatusServiceUnavailable: Either{}},
		},
		{ID: "lastUntil", Method: post, Path: "/api/v1/until", Says: "Asks that the credit lasts until a time.", Takes: api.LastUntil{}, Answers: map[int]any{http.StatusOK: api.UntilAnswer{}, http.StatusBadRequest: nil, http.StatusConflict: nil}},
		{ID: "expect", Method: post, Path: "/api/v1/expect", Says: "Tells that nobody is there, that guests are, or that something is used on top, in a time to come; or takes it back.", Takes: api.Expect{}, Answers: map[int]any{http.StatusOK: api.ExpectAnswer{}, http.StatusBadRequest: nil, http.StatusConflict: nil}},
		{ID: "outages", Method: post, Path: "/api/v1/outages", Says: "Takes the times without mains that are announced, in the place of those sent before.", Takes: api.Outages{}, Answers: map[int]any{http.StatusOK: api.ExpectAnswer{}, http.StatusBadRequest: nil, http.StatusConflict: nil}},
		{ID: "optOut", Method: post, Path: "/api/v1/opt-out", Says: "Opts out of the home's own plan, of a utility's events, of both, or of nothing any more.", Takes: api.OptOut{}, Answers: map[int]any{http.StatusOK: api.OptOutAnswer{}, http.StatusBadRequest: nil, http.StatusConflict: nil}},
		{
			ID: "meterReading", Method: post, Path: "/api/v1/meter/readings", Says: "Takes what a person has read on the utility's meter.", Takes: api.MeterReading{},
			Answers: map[int]any{http.StatusOK: api.BesideAnswer{}, http.StatusBadRequest: nil, http.StatusConflict: nil},
		},
		{
			ID: "withdrawReading", Method: post, Path: "/api/v1/meter/readings/{n}/withdraw", Says: "Takes a reading of the utility's meter back.",
			Params:  []Param{{Name: "n", Type: "integer", Says: "the reading's"}},
			Answers: map[int]any{http.StatusOK: api.BesideAnswer{}, http.StatusNotFound: nil, http.StatusConflict: nil},
		},
		{
			ID: "load", Method: post, Path: "/api/v1/loads/{id}/{action}", Says: "A person's word about a load.", Answers: done(http.StatusNotFound),
			Params: []Param{{Name: "id", Says: "the load's"}, {Name: "action", Says: "auto takes the word back", Words: []string{"run", "skip", "auto"}}},
		},
		{ID: "emergency", Method: post, Path: "/api/v1/emergency/accept", Says: "Takes the emergency credit on offer.", Answers: done()},
		{ID: "reconnect", Method: post, Path: "/api/v1/supply/reconnect", Says: "Closes a supply that is ready.", Answers: done()},
		{
			ID: "seen", Method: post, Path: "/api/v1/warnings/{code}/seen", Says: "Acknowledges a warning.", Answers: done(http.StatusNotFound),
			Params: []Param{{Name: "code", Says: "the warning's"}},
		},
		{ID: "settings", Method: get, Path: "/api/v1/settings", Says: "What is set on the page of settings.", Answers: ok(api.Settings{})},
		{
			ID: "set", Method: post, Path: "/api/v1/settings", Says: "Sets some of it.", Takes: api.Set{},
			Answers: map[int]any{http.StatusOK: api.Settings{}, http.StatusBadRequest: nil, http.StatusConflict: nil},
		},
		{ID: "loadSettings", Method: get, Path: "/api/v1/settings/loads", Says: "What is set of each load.", Answers: ok(api.LoadSettings{})},
		{
			ID: "setLoad", Method: post, Path: "/api/v1/settings/loads/{id}", Says: "Sets some of it for one load; it holds from the next start on.", Takes: api.SetLoad{},
			Params:  []Param{{Name: "id", Says: "the load's"}},
			Answers: map[int]any{http.StatusOK: api.LoadSetting{}, http.StatusBadRequest: nil, http.StatusNotFound: nil, http.StatusConflict: nil},
		},
		{
			ID: "resetLoad", Method: post, Path: "/api/v1/settings/loads/{id}/reset", Says: "What the configuration says holds again, from the next start on.",
			Params:  []Param{{Name: "id", Says: "the load's"}},
			Answers: map[int]any{http.StatusOK: api.LoadSetting{}, http.StatusNotFound: nil, http.StatusConflict: nil},
		},
		{
			ID: "trial", Method: post, Path: "/api/v1/alerts/trial", Says: "Sends a trial message to one or all who are told what is wrong.", Takes: api.Trial{},
			Answers: map[int]any{http.StatusOK: api.Trials{}, http.StatusBadRequest: nil, http.StatusNotFound: nil},
		},
		{ID: "programs", Method: get, Path: "/api/v1/programs", Says: "The programs that are let in by a token of their own. Only who has the PIN may ask.", Answers: ok(api.Programs{})},
		{
			ID: "letIn", Method: post, Path: "/api/v1/programs", Says: "Makes a token for a program. Only who has the PIN may ask.", Takes: api.LetIn{},
			Answers: map[int]any{http.StatusOK: api.Admitted{}, http.StatusBadRequest: nil, http.StatusConflict: nil},
		},
		{
			ID: "withdrawProgram", Method: post, Path: "/api/v1/programs/{name}/withdraw", Says: "Takes a program's token back. Only who has the PIN may ask.",
			Params:  []Param{{Name: "name", Says: "the program's"}},
			Answers: map[int]any{http.StatusNoContent: nil, http.StatusNotFound: nil, http.StatusConflict: nil},
		},
		{ID: "openapi", Method: get, Path: "/api/v1/openapi.json", Says: "This document.", Answers: map[int]any{http.StatusOK: Anything{}}},
	}
}

// Either is what a TopUp and a Problem answer under one status.
type Either struct{}

// Anything is a document that is described elsewhere.
type Anything struct{}
