package web

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/keeplit/keeplit/cmd/agent/internal/api/apitest"
	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
)

// closed is a document whose forms have no keys but those that are described.
func closed(t *testing.T, text []byte) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		s.(map[string]any)["additionalProperties"] = false
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The document is one of OpenAPI, tells of each request that is answered and of no other, and says of each
// form what it is.
func TestTheOpenAPIDocumentIsWhole(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(openapi.Document()))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	source, err := os.ReadFile("api.go")
	if err != nil {
		t.Fatal(err)
	}
	var answered, told []string
	for _, m := range regexp.MustCompile(`mux.HandleFunc\("((?:GET|POST) /api/[^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		answered = append(answered, m[1])
	}
	for _, o := range apitest.Operations() {
		told = append(told, o.Method+" "+o.Path)
	}
	slices.Sort(answered)
	slices.Sort(told)
	if !slices.Equal(answered, told) || len(told) < 15 {
		t.Errorf("answered: %v\ntold:     %v", answered, told)
	}
	for name, s := range doc.Components.Schemas {
		if s.Value.Description == "" {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if says := doc.Components.Schemas["View"].Value.Properties["limited"].Value; says == nil || doc.Components.Schemas["Credit"].Value.Properties["hours_per_kwh"].Value.Description != "of credit, that one kWh more now costs" {
		t.Error("what the source says of a key is not in it")
	}
}

// What the handlers really answer is what the document says: every key of it is described, and every key that is
// always there is.
func TestAnswersAreAsTheOpenAPIDocumentHasThem(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(closed(t, []byte(openapi.Document())))
	if err != nil {
		t.Fatal(err)
	}
	x := newSite(t, nil)
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	pin := []string{"Authorization", "Bearer " + testPIN}
	seen := map[string]bool{}
	check := func(method, path, body string, status int, head ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		seen[method+" "+route.Path] = true
		a := x.do(method, path, body, head...)
		if a.StatusCode != status {
			t.Errorf("%s %s: %d, not %d: %.200s", method, path, a.StatusCode, status, a.body)
		}
		options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
		in := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options},
			Status:                 a.StatusCode, Header: a.Header, Options: options,
		}
		if err := openapi3filter.ValidateResponse(t.Context(), in.SetBodyBytes([]byte(a.body))); err != nil {
			t.Errorf("%s %s, %d: %v\n%.400s", method, path, a.StatusCode, err, a.body)
		}
	}
	for _, path := range []string{
		"view", "tariff", "tariff?amount=200", "marginal", "ledger?n=5", "statement", "statement?by=hour", "statement?by=month&n=3", "statement?by=topup&n=2", "insight", "cuts", "use", "use?days=30", "log?n=5",
		"history?from=2026-11-20T00:00:00Z&to=2026-11-20T01:00:00Z", "limits", "topup?until=2026-12-01", "openapi.json",
	} {
		check(http.MethodGet, "/api/v1/"+path, "", http.StatusOK)
	}
	check(http.MethodGet, "/api/v1/topup?until=2099-01-01", "", http.StatusNotFound)
	for _, path := range []string{"ledger?n=501", "history?from=yesterday", "limits?to=now", "statement?by=year", "insight?at=never", "use?days=32", "cuts?n=0", "log?n=x", "tariff?amount=much"} {
		check(http.MethodGet, "/api/v1/"+path, "", http.StatusBadRequest, "Accept", openapi.ProblemType)
	}
	token := func(digits string) string { return `{"token":"` + digits + `"}` }
	check(http.MethodPost, "/api/v1/topup", token(goodToken), http.StatusUnauthorized)
	check(http.MethodPost, "/api/v1/topup", token(goodToken), http.StatusUnauthorized, "Authorization", "Bearer 0000")
	check(http.MethodPost, "/api/v1/topup", token(goodToken), http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/topup", token(goodToken), http.StatusConflict, pin...)
	check(http.MethodPost, "/api/v1/topup", token(wrongToken), http.StatusUnprocessableEntity, pin...)
	check(http.MethodPost, "/api/v1/topup", token(newToken+`\n`+uselessToken), http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/topup", `{"tokn":1}`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/until", `{"until":"Fri 18:00"}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/until", `{"until":5}`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/expect", `{"expect":"away until Fri"}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/expect", `{"expect":5}`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/outages", `{"events":[{"start":"2026-12-04T18:00:00+02:00","end":"2026-12-04T20:30:00+02:00"}]}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/outages", `5`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/opt-out", `{"of":"grid"}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/opt-out", `{"of":5}`, http.StatusBadRequest, pin...)
	for _, shown := range []string{"300.1", "310.0"} {
		check(http.MethodPost, "/api/v1/meter/readings", `{"shown":"`+shown+`","sure":true}`, http.StatusOK, pin...)
	}
	check(http.MethodPost, "/api/v1/meter/readings", `{"shown":5}`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/meter/readings", `{"shown":"many"}`, http.StatusConflict, pin...)
	check(http.MethodPost, "/api/v1/meter/readings/2/withdraw", "", http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/meter/readings/9/withdraw", "", http.StatusConflict, pin...)
	check(http.MethodPost, "/api/v1/loads/geyser/run", "", http.StatusNoContent, pin...)
	check(http.MethodPost, "/api/v1/loads/nothing/run", "", http.StatusNotFound, pin...)
	check(http.MethodPost, "/api/v1/emergency/accept", "", http.StatusNoContent, pin...)
	check(http.MethodPost, "/api/v1/supply/reconnect", "", http.StatusNoContent, pin...)
	check(http.MethodPost, "/api/v1/warnings/influx-unreachable/seen", "", http.StatusNoContent, pin...)
	check(http.MethodGet, "/api/v1/settings", "", http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/settings", `{"language":"sw"}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/settings", `{}`, http.StatusBadRequest, pin...)
	check(http.MethodGet, "/api/v1/settings/loads", "", http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/settings/loads/pool", `{"class":"nice_to_have"}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/settings/loads/pool", `{}`, http.StatusBadRequest, pin...)
	check(http.MethodPost, "/api/v1/settings/loads/pool", `{"hours":"25:00-26:00"}`, http.StatusConflict, pin...)
	check(http.MethodPost, "/api/v1/settings/loads/nothing", `{"used":false}`, http.StatusNotFound, pin...)
	check(http.MethodPost, "/api/v1/settings/loads/pool/reset", "", http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/alerts/trial", `{}`, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/alerts/trial", `{"to":"nobody"}`, http.StatusNotFound, pin...)
	let := `{"name":"a","scopes":["read"]}`
	check(http.MethodPost, "/api/v1/programs", let, http.StatusOK, pin...)
	check(http.MethodPost, "/api/v1/programs", let, http.StatusBadRequest, pin...)
	check(http.MethodGet, "/api/v1/programs", "", http.StatusOK, pin...)
	made, err := x.s.cfg.Set.LetIn("b", []settings.Scope{settings.Control}, fakeNow)
	if err != nil {
		t.Fatal(err)
	}
	check(http.MethodGet, "/api/v1/settings", "", http.StatusForbidden, "Authorization", "Bearer "+made)
	check(http.MethodPost, "/api/v1/programs/a/withdraw", "", http.StatusNoContent, pin...)
	check(http.MethodPost, "/api/v1/programs/a/withdraw", "", http.StatusNotFound, pin...)
	x.f.mu.Lock()
	x.f.fail = &Refusal{Reason: "Not now."}
	x.f.mu.Unlock()
	check(http.MethodPost, "/api/v1/loads/geyser/run", "", http.StatusConflict, pin...)
	for _, o := range apitest.Operations() {
		if !o.Stream && !seen[o.Method+" "+o.Path] {
			t.Errorf("%s %s was not asked for", o.Method, o.Path)
		}
	}
}

// Who asks for problem+json gets it, and nobody else.
func TestRefusalsAreProblemsForThoseWhoAskForThem(t *testing.T) {
	x := newSite(t, nil)
	a := x.do(http.MethodGet, "/api/v1/ledger?n=501", "", "Accept", "application/problem+json, application/json")
	x.want(a, http.StatusBadRequest, `"error":{"code":"malformed"`, `"type":"urn:keeplit:malformed"`, `"status":400`, `"title":"Bad Request"`, `"detail":"`)
	if got := a.Header.Get("Content-Type"); got != openapi.ProblemType {
		t.Error(got)
	}
	if got := x.get("/api/v1/ledger?n=501").Header.Get("Content-Type"); got != "application/json" {
		t.Error(got)
	}
}
