package credit

import (
	"maps"

	"github.com/keeplit/keeplit/internal/form"
)

// FillAccount1 is the part of an account in the step from form 1 to form 2 of
// what stores one: form 1 left out what was zero, form 2 writes every field.
// It is released and stays as it is.
func FillAccount1(account map[string]any) {
	const never = "0001-01-01T00:00:00Z"
	form.Fill(account, map[string]any{
		"pending": nil, "since": never, "rest": 0, "debts": nil, "free": never, "charged": nil, "unlocked": false, "limit": 0,
		"phase": 0, "tariff": 0, "tampered": false, "schemes": nil, "clock": never, "doubt": 0, "unset": false, "before": never,
	})
	form.Fill(account["emergency"], map[string]any{"stage": "", "limit": 0})
	form.Fill(account["recovered"], map[string]any{"from": never, "amount": 0})
	form.Fill(account["bought"], map[string]any{"from": never, "amount": 0})
	locks1(account)
	form.Fill(account["supply"], map[string]any{
		"position": "", "cause": "", "since": never, "no_credit": false, "friendly": never, "covered": false, "spared": false,
	})
	for _, p := range form.List(account["pending"]) {
		form.Fill(p, map[string]any{"owed": false})
		form.Fill(form.At(p, "charge"), map[string]any{"tax": 0, "energy": 0, "period": never})
	}
	for _, d := range form.List(account["debts"]) {
		form.Fill(d, map[string]any{"share": false})
	}
}

// locks1 makes a lock for each way of the one lock for all that form 1 had.
func locks1(account map[string]any) {
	old, ok := account["lock"].(map[string]any)
	if !ok {
		return
	}
	delete(account, "lock")
	var locks []any
	if len(old) > 0 { // form 1 left out what was zero
		for _, way := range []string{"card", "cli", "keypad", "mqtt", "page"} {
			lock := maps.Clone(old)
			form.Fill(lock, map[string]any{"way": way, "by": "", "wrong": 0, "left": 0, "owed": 0})
			locks = append(locks, lock)
		}
	}
	form.Fill(account, map[string]any{"locks": locks})
}
