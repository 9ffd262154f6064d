package web

import (
	"slices"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
)

// A program with the scope of settings reads and sets what the page does, no other does, and each change is recorded.
func TestAProgramSetsAnAppliance(t *testing.T) {
	x := newSite(t, nil)
	token := func(name string, scope settings.Scope) []string {
		made, err := x.s.cfg.Set.LetIn(name, []settings.Scope{scope}, fakeNow)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"Authorization", "Bearer " + made}
	}
	by, other := token("Node-RED", settings.Change), token("meddler", settings.Control)
	path := "/api/v1/settings/loads/geyser"
	x.want(x.get("/api/v1/settings/loads", other...), 403)
	x.want(x.json(path, map[string]any{"used": false}, other...), 403)
	x.want(x.get("/api/v1/settings/loads", by...), 200, `"id":"geyser","name":"Geyser","now":{"hours":"22:00-06:00, 12:00-14:00","ready":"06:30","class":"must_have","order":"1","used":true}`, `"laid":false`)
	x.want(x.json(path, map[string]any{"ready": "05:30"}, by...), 200, // what is left out stays
		`"now":{"hours":"22:00-06:00, 12:00-14:00","ready":"06:30"`, `"next":{"hours":"22:00-06:00, 12:00-14:00","ready":"05:30","class":"must_have","order":"1","used":true},"laid":true`)
	x.want(x.json(path, map[string]any{"hours": "", "used": false}, by...), 200, `"next":{"hours":"","ready":"05:30"`, `"used":false`)
	x.want(x.json(path, map[string]any{"hours": "25:00-26:00"}, by...), 409, "is not a time of day", "write stretches such as 22:00-06:00")
	x.want(x.json(path, map[string]any{"colour": "red"}, by...), 400)
	x.want(x.do("POST", path+"/reset", "", by...), 200, `"next":{"hours":"22:00-06:00, 12:00-14:00","ready":"06:30"`, `"laid":false`)
	x.want(x.do("POST", path+"/reset", "", by...), 200, `"laid":false`)
	x.want(x.do("POST", "/api/v1/settings/loads/nothing/reset", "", by...), 404)
	if got := x.s.cfg.Box.(*fakeBox).changed(); len(got) != 3 || slices.ContainsFunc(got, func(s string) bool { return s == "" }) {
		t.Errorf("recorded: %q", got)
	}
}
