package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
)

// unwilling is an outbox on a disk that takes nothing.
type unwilling struct {
	*store.Outbox
	next, done error
}

func (u unwilling) Next(ctx context.Context, n int) ([]store.Message, error) {
	if u.next != nil {
		return nil, u.next
	}
	return u.Outbox.Next(ctx, n)
}

func (u unwilling) Done(context.Context, ...int64) error { return u.done }

// A full disk here says nothing about InfluxDB.
func TestAFaultOfTheOutboxIsNotOneOfTheServer(t *testing.T) {
	full := &store.DiskFullError{Dir: "/data", Err: errors.New("full")}
	for _, row := range []struct {
		name       string
		next, done error
		written    bool
	}{
		{"it cannot be read", full, nil, false},
		{"what was sent cannot be taken out", nil, full, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
			defer server.Close()
			_, box := outbox(t, 3)
			f, err := New(Config{URL: server.URL, Bucket: "b", Drain: time.Millisecond}, unwilling{box, row.next, row.done})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.some(t.Context()); !errors.Is(err, error(full)) {
				t.Errorf("%v", err)
			}
			if st := f.State(); !st.OK || st.LastError != "" || st.Local == "" || st.LastWrite.IsZero() == row.written {
				t.Errorf("%+v", st)
			}
		})
	}
}
