package control

import (
	"encoding/json"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
)

// stateForm is the numbered form of State as it is stored: see
// docs/checkpoint.md.  A step, once released, is never edited: a change is a
// new step, and stateVersion goes up with it.
func stateForm() form.Form {
	return form.Form{Name: "the stored state", Steps: []form.Step{state2, state3}}
}

// ReadState reads a stored State of any form up to the present one.  The error
// is a *form.NewerError or a *form.DamagedError, which names every path at fault.
func ReadState(data []byte) (State, error) {
	var st State
	err := stateForm().Read(data, &st)
	return st, err
}

// state2 makes form 2 of form 1: every name is written down, and what the
// account and the registers hold is always there.
func state2(doc map[string]any) error {
	const never = "0001-01-01T00:00:00Z"
	if account, ok := doc["credit"].(map[string]any); ok {
		credit.FillAccount1(account)
	}
	form.Fill(doc, map[string]any{"event_seq": 0, "opening_taken": false})
	meter := doc["meter"]
	form.Fill(meter, map[string]any{"import": 0, "export": 0})
	registers := form.At(meter, "registers")
	form.Fill(registers, map[string]any{
		"periods": nil, "device": "", "power": 0, "has_power": false, "reactive": 0, "has_reactive": false,
		"power_at": never, "absurd": false, "flow": map[string]any{},
	})
	form.Fill(form.At(registers, "flow"), map[string]any{
		"seen_at": never, "grain": 0, "from": never, "moved": 0, "mean": 0, "mean_at": never, "mean_from": never,
		"least": 0, "most": 0, "claim": 0, "over": 0, "under": 0,
	})
	form.Fill(meter, map[string]any{"blind": never})
	for _, c := range []string{"import_counter", "export_counter"} {
		form.Fill(form.At(registers, c), map[string]any{
			"known": false, "at": never, "value": 0, "ahead": 0, "odd": false, "odd_at": never, "odd_value": 0,
			"former": nil, "since": never, "moved": 0, "sum": 0, "other": 0, "other_at": never,
		})
	}
	slots2(form.At(meter, "intervals"))
	slots2(form.At(meter, "sliding", "parts"))
	for _, p := range form.List(form.At(doc, "prices", "overlay", "prices")) {
		form.Rename(p, "Start", "start", "Len", "len", "Import", "import", "Export", "export", "Priced", "priced")
	}
	form.Rename(doc["health"], "Active", "active")
	for _, w := range form.List(form.At(doc, "health", "active")) {
		form.Rename(w, "Code", "code", "Subject", "subject", "Severity", "severity", "Title", "title",
			"Cause", "cause", "Remedy", "remedy", "Since", "since", "Acknowledged", "acknowledged")
	}
	return nil
}

// state3 makes form 3 of form 2: what a person is told is codes and values.
func state3(doc map[string]any) error {
	for _, w := range form.List(form.At(doc, "health", "active")) {
		if w, ok := w.(map[string]any); ok { // words, which the code has in the catalogue
			delete(w, "title")
			delete(w, "remedy")
		}
		verbatim3(w, "cause")
	}
	verbatim3(doc["decision"], "why")
	for _, c := range []string{"import_counter", "export_counter"} {
		form.Fill(form.At(doc, "meter", "registers", c), map[string]any{"stood": "0001-01-01T00:00:00Z", "claimed": 0, "fast": 0, "races": false})
	}
	return nil
}

// verbatim3 makes codes and values of what was words: it is told as it is.
func verbatim3(of any, name string) {
	m, ok := of.(map[string]any)
	if !ok {
		return
	}
	if text, ok := m[name].(string); ok {
		m[name] = nil
		if text != "" {
			value := map[string]any{"name": said.Verbatim, "is": string(said.IsText), "n": json.Number("0"), "text": text}
			m[name] = []any{map[string]any{"kind": said.Verbatim, "values": []any{value}}}
		}
	}
}

// slots2 names the slots of intervals, and of the demand that they may hold.
func slots2(intervals any) {
	for intervals != nil {
		form.Rename(form.At(intervals, "open", "slot"), "Start", "start", "Len", "len")
		intervals = form.At(intervals, "demand", "parts")
	}
}
