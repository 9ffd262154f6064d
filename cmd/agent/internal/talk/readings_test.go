package talk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/metering"
)

// Records that cannot be read are no fault of the broker: it is not taken for lost, and all that is
// said is not said anew each second.
func TestReadingsThatCannotBeReadHoldUpNothing(t *testing.T) {
	url, _ := aBroker(t)
	site := testsite.New(t)
	governing(t, site)
	site.Policy.Reads.Intervals = true
	h := newHouseOf(t, site, url, nil, keyOf(9))
	h.stop()
	st := h.loop.Snapshot().State
	of := policy.Ref{Stream: policy.Read, Epoch: 1, Seq: 1, ID: "r1"}
	st.Policy.Reads = []policy.AskedReading{{
		ReadRequest: policy.ReadRequest{ID: "r1", From: st.Now.Add(-time.Hour), To: st.Now, Intervals: []string{"site"}}, Of: of, Taken: st.Now,
	}}
	h = newHouseOf(t, site, url, &st, keyOf(9))
	tried := 0
	h.Reads(func(context.Context, string, time.Time, time.Time) iter.Seq2[store.Interval, error] {
		tried++
		return func(yield func(store.Interval, error) bool) { yield(store.Interval{}, errors.New("the disk is gone")) }
	})
	var told ackTold
	for range 3 {
		if err := h.answer(t.Context(), nil, &told); err != nil {
			t.Fatalf("the broker is taken for lost: %v", err)
		}
	}
	if tried != 1 || told.reads[of].pause != repeatFirst {
		t.Errorf("read %d times, to be tried again in %v", tried, told.reads[of].pause)
	}
	if left := h.loop.Snapshot().State.Policy.Reads; len(left) != 1 || left[0].Sent {
		t.Errorf("it waits no more: %+v", left)
	}
}

// A utility that reads intervals is not told that nobody is at home.
func TestReadingsDoNotTellThatNobodyIsThere(t *testing.T) {
	url, _ := aBroker(t)
	site := testsite.New(t)
	governing(t, site)
	site.Policy.Reads.Intervals = true
	h := newHouseOf(t, site, url, nil, keyOf(9))
	h.Reads(func(context.Context, string, time.Time, time.Time) iter.Seq2[store.Interval, error] {
		return func(yield func(store.Interval, error) bool) {
			yield(store.Interval{Series: "site", Interval: metering.Interval{Quality: metering.Away | metering.Limited}}, nil)
		}
	})
	st := h.loop.Snapshot().State
	texts, err := h.readings(t.Context(), &st, policy.AskedReading{ReadRequest: policy.ReadRequest{ID: "r1", Intervals: []string{"site"}}})
	if err != nil || len(texts) != 1 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(texts[0], ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(payload), fmt.Sprintf(`"quality":%d`, metering.Limited)) {
		t.Errorf("%s", payload)
	}
}
