// Package api has what the agent sends and takes as JSON, each form once: over
// HTTP, over MQTT, and as the command line reads it.  Money is a decimal string in
// the account's unit with all six decimals, so that nothing is rounded; power is
// in W, energy in kWh, prices are strings per kWh, times are RFC 3339 in UTC, a
// time that does not exist is null.  docs/api.md and docs/mqtt.md describe the
// forms, docs/compatibility.md says what of them may change.
//
// Nothing that the agent stores is a part of a form: what is stored may change
// with its number, and a form may not.
package api

// PlanVersion is the version of Plan's form.  The form before, which MQTT sent
// only, had no version.
const PlanVersion = 2
