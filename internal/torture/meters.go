package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// showing has the meter show something else for the time of the ill.
func showing(faces ...func(rng *rand.Rand, register string, w int64, out http.ResponseWriter) bool) func(*room, *site) (func(), error) {
	return func(r *room, h *site) (func(), error) {
		face := faces[r.rng.IntN(len(faces))]
		rng := rand.New(rand.NewPCG(r.rng.Uint64(), 5))
		h.house.with(func() {
			h.house.face = func(register string, w int64, out http.ResponseWriter) bool { return face(rng, register, w, out) }
		})
		return func() { h.house.with(func() { h.house.face = nil }) }, nil
	}
}

// quiet answers nothing in time.
func quiet(_ *rand.Rand, _ string, _ int64, _ http.ResponseWriter) bool {
	time.Sleep(3 * time.Second)
	return true
}

// refusing answers with an error.
func refusing(_ *rand.Rand, _ string, _ int64, out http.ResponseWriter) bool {
	http.Error(out, "no", http.StatusInternalServerError)
	return true
}

// still has the meter show the same register for the time of the ill.
func still(r *room, h *site) (func(), error) {
	first := ""
	var mu sync.Mutex
	return showing(func(_ *rand.Rand, register string, w int64, out http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		first = or(first, register)
		_, _ = fmt.Fprintf(out, `{"kwh": %s, "w": %d, "v": 230}`, first, w)
		return true
	})(r, h)
}

// spiking shows something far off now and then.
func spiking(rng *rand.Rand, _ string, w int64, out http.ResponseWriter) bool {
	if rng.IntN(3) != 0 {
		return false
	}
	_, _ = fmt.Fprintf(out, `{"kwh": %d.5, "w": %d, "v": 230}`, 1000+rng.IntN(100_000), w*int64(1+rng.IntN(1000)))
	return true
}

// backwards shows less now and then.
func backwards(rng *rand.Rand, _ string, w int64, out http.ResponseWriter) bool {
	if rng.IntN(3) != 0 {
		return false
	}
	_, _ = fmt.Fprintf(out, `{"kwh": %d.25, "w": %d, "v": 230}`, rng.IntN(1000), -w)
	return true
}

// garbled shows what is no number, or no JSON, or nothing.
func garbled(rng *rand.Rand, register string, w int64, out http.ResponseWriter) bool {
	of := []string{
		`{"kwh": NaN, "w": 1, "v": 230}`, `{"kwh": "NaN", "w": "Inf", "v": 230}`, `{"kwh": 1e400, "w": 1, "v": 230}`, `{"kwh": null, "w": 5, "v": 230}`,
		`{"kwh": ` + register, ``, "\x00\xff\x01", `[]`, `{"w": 1}`, `{"kwh": -` + register + `, "w": 1, "v": 230}`, `{"kwh": ` + register + `.1, "w": 1, "v": 2}`,
		`{"kwh": true, "w": false, "v": {}}`,
	}
	_, _ = fmt.Fprint(out, of[rng.IntN(len(of))])
	return w >= 0
}
