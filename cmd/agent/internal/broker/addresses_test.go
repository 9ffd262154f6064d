package broker

import (
	"fmt"
	"strings"
	"testing"
)

// A broker that is a cluster has several addresses: one that is gone is left for the next,
// and the same way on from that.
func TestOneOfSeveralAddressesAnswers(t *testing.T) {
	a, b := embedded(t), embedded(t)
	where := func(s *Session) string { return s.State().Address }
	s := session(t, Config{URL: "mqtt://127.0.0.1:1", Others: []string{a.URL(), "mqtt://127.0.0.1:2"}})
	run(t, s.Run)
	eventually(t, "the one that answers", func() bool { return s.State().Connected && where(s) == a.URL() })

	e, err := NewEmbedded(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, e.Run)
	s = session(t, Config{URL: e.URL(), Others: []string{b.URL()}, ClientID: at(t, e.URL(), b.URL())})
	run(t, s.Run)
	eventually(t, "the first of two", func() bool { return s.State().Connected && where(s) == e.URL() })
	stop()
	eventually(t, "the other, where the first is gone", func() bool { return s.State().Connected && where(s) == b.URL() })

	client, err := Dial(t.Context(), Config{URL: "mqtt://127.0.0.1:1", Others: []string{"mqtt://127.0.0.1:2", a.URL()}, Site: "utility"})
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if _, err := Dial(t.Context(), Config{URL: "mqtt://127.0.0.1:1", Others: []string{"mqtt://127.0.0.1:2"}, Site: "utility"}); err == nil || strings.Count(err.Error(), "connect to") != 2 {
		t.Errorf("where none answers: %v", err)
	}
}

// at is a client ID that begins at the first of two addresses.
func at(t *testing.T, first, second string) string {
	t.Helper()
	for n := range 100 {
		id := fmt.Sprint("home-", n)
		s, err := New(Config{URL: first, Others: []string{second}, Site: "x", ClientID: id})
		if err != nil {
			t.Fatal(err)
		}
		if s.url.String() == first {
			return id
		}
	}
	t.Fatal("all homes begin at the second")
	return ""
}

func TestHomesAreSpreadOverTheAddresses(t *testing.T) {
	begun := map[string]int{}
	for n := range 300 {
		s, err := New(Config{URL: "mqtt://a", Others: []string{"mqtt://b", "mqtt://c"}, Site: fmt.Sprint("home-", n)})
		if err != nil {
			t.Fatal(err)
		}
		begun[s.url.Host]++
	}
	for host, n := range begun {
		if n < 70 || n > 130 {
			t.Errorf("%d of 300 begin at %s", n, host)
		}
	}
	if _, err := New(Config{URL: "mqtt://a", Others: []string{"b"}, Site: "x"}); err == nil {
		t.Error("an address that is none is taken")
	}
}
