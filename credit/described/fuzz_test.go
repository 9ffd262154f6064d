package described

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Whatever is entered at whatever state: no panic, the same answer twice, a state that
// can be read again, and nothing that was taken is taken again.
func FuzzRead(f *testing.F) {
	for _, seed := range []struct {
		digits, state string
	}{
		{"01250712345679", ""},
		{"01250712345679", `{"version":1,"keys":[{"key":"x","floor":0,"high":-1,"entered":null}]}`},
		{"7722", `{"version":1,"keys":null}`},
		{strings.Repeat("9", 14), `{"version":1,"keys":[{"key":"x","floor":-5,"high":9223372036854775807,"entered":[1,1,0]}]}`},
		{"\u0663\u0664", "{"},
	} {
		f.Add(seed.digits, seed.state, uint8(0))
	}
	for i, d := range []Description{grid(), short(), ocraGrid()} {
		s := scheme(f, meterOf(d))
		for n := range int64(3) {
			token, _, err := s.Issue(n, 50)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(token, "", uint8(i))
		}
	}
	all := []*Scheme{scheme(f, meterOf(grid())), scheme(f, meterOf(short())), scheme(f, meterOf(ocraGrid()))}
	f.Fuzz(func(t *testing.T, digits, state string, which uint8) {
		s := all[int(which)%len(all)]
		state = strings.ReplaceAll(state, `"x"`, `"`+s.keys[0].tag+`"`)
		var raw json.RawMessage
		if state != "" {
			raw = json.RawMessage(state)
		}
		got, next, err := s.Read(raw, digits, time.Time{})
		if err != nil {
			return
		}
		if again, _, err := s.Read(raw, digits, time.Time{}); err != nil || again.Code != got.Code || again.ID != got.ID {
			t.Fatalf("%+v, and again %+v, %v", got, again, err)
		}
		if got.Code != credit.Accept {
			return
		}
		if twice, _, err := s.Read(next, digits, time.Time{}); err != nil || twice.Code == credit.Accept {
			t.Fatalf("%s: taken twice: %+v and %+v, %v", digits, got, twice, err)
		}
	})
}

// Whatever a description says: no panic, and one that Check finds right makes tokens
// that it reads.
func FuzzDescription(f *testing.F) {
	f.Add("sha256", 8, 2, 4, 2, 7, "luhn", int64(1), int64(9000), int64(30), int64(20))
	f.Add("sha1", 8, 1, 2, 0, 6, "", int64(1), int64(98), int64(30), int64(10))
	f.Add("sha512", 4, 0, 0, 6, 9, "mod97", int64(0), int64(0), int64(1), int64(0))
	f.Add("", -1, 99, -4, 1<<30, 12, "x", int64(-1), int64(1<<62), int64(1<<62), int64(-1<<62))
	f.Fuzz(func(t *testing.T, hash string, counterBytes, valueBytes, value, counter, code int, check string, from, to, ahead, behind int64) {
		d := Description{
			Name: "x", Hash: Hash(hash), Unit: credit.InKWh, Message: []Field{{Counter: counterBytes}},
			Values: []Value{{From: from, To: to, Do: Add, Amount: units.One}}, Window: Window{ahead, behind},
		}
		if valueBytes != 0 {
			d.Message = append(d.Message, Field{Value: valueBytes})
		}
		for _, p := range []Part{{Value: value}, {Counter: counter}, {Code: code}, {Check: Check(check)}} {
			if p != (Part{}) {
				d.Digits = append(d.Digits, p)
			}
		}
		if len(d.Check()) > 0 {
			return
		}
		s, err := New(meterOf(d))
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := s.Issue(ahead-1, from)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.decode(State{}, token); got.Code != credit.Accept || got.Value != from || !s.Fits(token) {
			t.Fatalf("%s of %+v is read as %+v", token, d, got)
		}
	})
}
