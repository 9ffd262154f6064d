package web

import (
	"io"
	"net/http"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// Every page can be opened before anything is known of the house.
func TestEveryPageOpensInTheFirstSecond(t *testing.T) {
	f := newFake()
	f.v = picture.View{Seq: 1, At: fakeNow}
	url := serve(t, f, nil)
	for _, path := range []string{"/", "/account", "/account?by=topup", "/account?by=entries", "/topup", "/tariff", "/system"} {
		r, err := http.Get(url + path) //nolint:gosec // the test's own address
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %.300s", path, r.StatusCode, text)
		}
	}
}
