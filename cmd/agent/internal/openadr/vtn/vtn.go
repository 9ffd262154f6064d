// Package vtn is a small OpenADR 3.1.1 server for tests, written from the standard's API and
// sharing nothing with the client: what it hands out and what it takes is JSON and no type of
// the agent's.
package vtn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Object is one of the server's: JSON as it is.
type Object map[string]any

// VTN is the server.  Its fields are set before it serves.
type VTN struct {
	ClientID, Secret string
	// Lives is how long a token is good for; 0: for ever.
	Lives time.Duration
	// Broker is the MQTT broker that it names, and Notify sends a notification there; "" and
	// nil: it has none.
	Broker string
	Notify func(topic string, payload []byte)

	mu       sync.Mutex
	tokens   map[string]time.Time
	programs []Object
	events   []Object
	vens     []Object
	reports  []Object
	n        int
	before   func(w http.ResponseWriter, r *http.Request) (done bool)
	calls    map[string]int
	same     int // events that were the same as asked for (304)
}

// New is a server with one program.
func New() *VTN {
	v := &VTN{ClientID: "home-12", Secret: "s3cret", tokens: map[string]time.Time{}, calls: map[string]int{}}
	v.programs = []Object{{"id": "p-1", "objectType": "PROGRAM", "programName": "residential", "payloadDescriptors": []any{
		Object{"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE", "units": "KWH", "currency": "ZAR"},
		Object{"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": "USAGE", "units": "KWH"},
	}}}
	return v
}

// Before has f look at each request first; nil: nobody does.
func (v *VTN) Before(f func(w http.ResponseWriter, r *http.Request) (done bool)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.before = f
}

// Put makes an event, or another version of one of its id, and answers its id.
func (v *VTN) Put(e Object) string {
	v.mu.Lock()
	id, _ := e["id"].(string)
	now := time.Now().UTC().Format(time.RFC3339Nano)
	if id == "" {
		v.n++
		id = fmt.Sprintf("event-%d", v.n)
	}
	e["id"], e["objectType"] = id, "EVENT"
	if _, ok := e["programID"]; !ok {
		e["programID"] = "p-1"
	}
	if _, ok := e["modificationDateTime"]; !ok {
		e["createdDateTime"], e["modificationDateTime"] = now, now
	}
	operation := "CREATE"
	if i := slices.IndexFunc(v.events, func(o Object) bool { return o["id"] == id }); i >= 0 {
		v.events[i], operation = e, "UPDATE"
	} else {
		v.events = append(v.events, e)
	}
	v.mu.Unlock()
	v.tell(operation, e)
	return id
}

// Delete takes an event away.
func (v *VTN) Delete(id string) {
	v.mu.Lock()
	i := slices.IndexFunc(v.events, func(o Object) bool { return o["id"] == id })
	var e Object
	if i >= 0 {
		e = v.events[i]
		v.events = slices.Delete(v.events, i, i+1)
	}
	v.mu.Unlock()
	if i >= 0 {
		v.tell("DELETE", e)
	}
}

func (v *VTN) tell(operation string, e Object) {
	if v.Notify == nil {
		return
	}
	text, _ := json.Marshal(Object{"objectType": "EVENT", "operation": operation, "object": e})
	v.Notify("vtn/programs/p-1/events/"+strings.ToLower(operation), text)
}

// Reports are what was sent.
func (v *VTN) Reports() []Object {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.reports)
}

// VENs are the ven objects.
func (v *VTN) VENs() []Object {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.vens)
}

// Calls is how often a method and path was asked for.
func (v *VTN) Calls(what string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[what]
}

// Same is how often a page of events had not changed.
func (v *VTN) Same() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.same
}

// Expire makes all tokens worthless.
func (v *VTN) Expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.tokens)
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Object{"title": http.StatusText(status), "status": status, "detail": detail})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// ServeHTTP serves the API under /openadr3/3.1.1.
func (v *VTN) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	before := v.before
	v.calls[r.Method+" "+r.URL.Path]++
	v.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/openadr3/3.1.1/")
	if !ok {
		problem(w, http.StatusNotFound, "no such path")
		return
	}
	switch path {
	case "auth/server":
		answer(w, http.StatusOK, Object{"tokenURL": "/openadr3/3.1.1/auth/token"})
		return
	case "auth/token":
		v.login(w, r)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if until, known := v.tokens[token]; !known || v.Lives > 0 && time.Now().After(until) {
		problem(w, http.StatusUnauthorized, "the token is not good")
		return
	}
	what, id, single := strings.Cut(path, "/")
	switch {
	case what == "notifiers":
		v.notifiers(w, path)
	case r.Method == http.MethodGet && what == "programs" && !single:
		page(w, r, v.programs)
	case r.Method == http.MethodGet && what == "vens" && !single:
		page(w, r, slices.DeleteFunc(slices.Clone(v.vens), func(o Object) bool {
			name := r.URL.Query().Get("venName")
			return name != "" && o["venName"] != name
		}))
	case r.Method == http.MethodGet && what == "events" && !single:
		v.same += page(w, r, slices.DeleteFunc(slices.Clone(v.events), func(o Object) bool {
			p := r.URL.Query().Get("programID")
			return p != "" && o["programID"] != p
		}))
	case r.Method == http.MethodGet && what == "events":
		if i := slices.IndexFunc(v.events, func(o Object) bool { return o["id"] == id }); i >= 0 {
			answer(w, http.StatusOK, v.events[i])
			return
		}
		problem(w, http.StatusNotFound, "no such event")
	case r.Method == http.MethodPost && what == "vens":
		v.enrol(w, r)
	case r.Method == http.MethodPost && what == "reports":
		v.report(w, r)
	default:
		problem(w, http.StatusForbidden, "a VEN may not")
	}
}

// page answers one page of a collection; same is 1 where it is what the client has.
func page(w http.ResponseWriter, r *http.Request, all []Object) (same int) {
	limit, skip := 50, 0
	for _, q := range []struct {
		name string
		into *int
		most int
	}{{"limit", &limit, 50}, {"skip", &skip, 1 << 30}} {
		if text := r.URL.Query().Get(q.name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > q.most {
				problem(w, http.StatusBadRequest, q.name+" is out of range")
				return 0
			}
			*q.into = n
		}
	}
	all = all[min(skip, len(all)):]
	all = append([]Object{}, all[:min(limit, len(all))]...)
	text, _ := json.Marshal(all)
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return 1
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
	return 0
}

func (v *VTN) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		answer(w, http.StatusBadRequest, Object{"error": "unsupported_grant_type"})
		return
	}
	if r.PostForm.Get("client_id") != v.ClientID || r.PostForm.Get("client_secret") != v.Secret {
		answer(w, http.StatusUnauthorized, Object{"error": "invalid_client"})
		return
	}
	token := rand.Text()
	v.mu.Lock()
	v.tokens[token] = time.Now().Add(v.Lives)
	v.mu.Unlock()
	out := Object{"access_token": token, "token_type": "Bearer"}
	if v.Lives > 0 {
		out["expires_in"] = int(v.Lives / time.Second)
	}
	answer(w, http.StatusOK, out)
}

func (v *VTN) enrol(w http.ResponseWriter, r *http.Request) {
	var o Object
	if json.NewDecoder(r.Body).Decode(&o) != nil || o["objectType"] != "VEN_VEN_REQUEST" || o["venName"] == nil || o["clientID"] != nil {
		problem(w, http.StatusBadRequest, "that is no VenVenRequest")
		return
	}
	o["id"], o["objectType"], o["clientID"] = fmt.Sprintf("ven-%d", len(v.vens)+1), "VEN", v.ClientID
	v.vens = append(v.vens, o)
	answer(w, http.StatusCreated, o)
}

// report takes a report as the schema has it.
func (v *VTN) report(w http.ResponseWriter, r *http.Request) {
	var o Object
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	if why := reportFault(o); why != "" {
		problem(w, http.StatusBadRequest, why)
		return
	}
	o["id"], o["objectType"] = fmt.Sprintf("report-%d", len(v.reports)+1), "REPORT"
	v.reports = append(v.reports, o)
	answer(w, http.StatusCreated, o)
}

var duration = regexp.MustCompile(`^PT(\d+H)?(\d+M)?(\d+S)?$`) //nolint:gochecknoglobals // compiled once, never changed

// reportFault is what of a report is not as the schema wants it.
func reportFault(o Object) string {
	for _, name := range []string{"eventID", "clientName"} {
		if text, ok := o[name].(string); !ok || text == "" || len(text) > 128 {
			return name + " is missing"
		}
	}
	for name := range o {
		if !slices.Contains([]string{"eventID", "clientName", "reportName", "payloadDescriptors", "resources"}, name) {
			return name + " is no member of a report"
		}
	}
	described, _ := o["payloadDescriptors"].([]any)
	for _, d := range described {
		d, _ := d.(map[string]any)
		if d["objectType"] != "REPORT_PAYLOAD_DESCRIPTOR" || d["payloadType"] == nil {
			return "a descriptor is none"
		}
		if c, ok := d["confidence"]; ok && (c.(float64) < 0 || c.(float64) > 100) { //nolint:forcetypeassert // JSON's numbers
			return "a confidence is out of range"
		}
	}
	resources, _ := o["resources"].([]any)
	if len(resources) == 0 {
		return "resources is missing"
	}
	for _, x := range resources {
		res, _ := x.(map[string]any)
		intervals, ok := res["intervals"].([]any)
		if name, _ := res["resourceName"].(string); name == "" || !ok || len(intervals) == 0 {
			return "a resource has no name or no intervals"
		}
		for _, y := range intervals {
			iv, _ := y.(map[string]any)
			period, _ := iv["intervalPeriod"].(map[string]any)
			start, _ := period["start"].(string)
			length, _ := period["duration"].(string)
			payloads, _ := iv["payloads"].([]any)
			_, id := iv["id"].(float64)
			if _, err := time.Parse(time.RFC3339, start); err != nil || !duration.MatchString(length) || len(length) < 4 || !id || len(payloads) == 0 {
				return fmt.Sprintf("an interval is none: %v", iv)
			}
			for _, z := range payloads {
				p, _ := z.(map[string]any)
				values, _ := p["values"].([]any)
				if p["type"] == nil || len(values) != 1 {
					return "a payload has not one value"
				}
			}
		}
	}
	return ""
}

func (v *VTN) notifiers(w http.ResponseWriter, path string) {
	if path == "notifiers" {
		out := Object{"WEBHOOK": true}
		if v.Broker != "" {
			out["MQTT"] = Object{"URIS": []any{v.Broker}, "serialization": "JSON", "authentication": Object{"method": "ANONYMOUS"}}
		}
		answer(w, http.StatusOK, out)
		return
	}
	if path == "notifiers/mqtt/topics/programs/p-1/events" {
		const at = "vtn/programs/p-1/events/"
		answer(w, http.StatusOK, Object{"topics": Object{"CREATE": at + "create", "UPDATE": at + "update", "DELETE": at + "delete"}})
		return
	}
	problem(w, http.StatusNotFound, "no such topics")
}
