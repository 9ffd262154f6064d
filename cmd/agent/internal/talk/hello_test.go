package talk

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
)

// A site that has no keys of its utility says so each minute: who was to hear it may have been
// away, and a broker keeps it for nobody.
func TestASiteWithoutKeysAsksAgain(t *testing.T) {
	url, _ := aBroker(t)
	site := testsite.New(t)
	governing(t, site)
	h := newHouseOf(t, site, url, nil, keyOf(9))
	h.stop()
	topics := broker.NewTopics("test")
	p := publisher{sent: map[string]string{topics.PolicyState(): "said", topics.State(): "said"}}
	begun := time.Now()
	for _, x := range []struct {
		after time.Duration
		again bool
	}{{0, true}, {helloEvery - time.Second, false}, {helloEvery, true}, {helloEvery + time.Second, false}, {3 * helloEvery, true}} {
		p.sent[topics.PolicyState()] = "said"
		h.ask(topics, &p, begun.Add(x.after))
		if _, said := p.sent[topics.PolicyState()]; said == x.again || p.sent[topics.State()] == "" {
			t.Errorf("after %s: it is said again: %v", x.after, !said)
		}
	}
}
