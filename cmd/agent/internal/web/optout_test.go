package web

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

func TestThePageAndTheAPIOptOut(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}
	x.want(x.get("/api/v1/view"), 200, `"opt_out":null`)
	if a := x.get("/"); strings.Contains(a.body, `action="/opt-out"`) {
		t.Error("the page offers to opt out where nobody asks for anything")
	}
	x.f.change(func(v *picture.View) { v.Opted.Of = "none" })
	x.want(x.get("/"), 200, `action="/opt-out"`, `<option value="none" selected>`, `<option value="both">`)
	x.want(x.json("/api/v1/opt-out", map[string]string{"of": "grid"}), 401, "pin_needed")
	x.want(x.json("/api/v1/opt-out", map[string]string{"out": "grid"}, bearer...), 400, `none, local, grid or both`)
	x.want(x.json("/api/v1/opt-out", map[string]string{"of": "grid"}, bearer...), 200, `"of":"grid","by":"api","since":"2026-11-22T`)
	if a := x.form("/opt-out", "of", "local"); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
		t.Errorf("without the PIN: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	x.form("/signin", "pin", testPIN)
	x.form("/opt-out", "of", "local")
	x.want(x.get("/"), 200, `<option value="local" selected>`, "It is noted")
}
