package control

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
)

// A commit that can never succeed is no reason to try again: the answer is
// final, the account is as it was, nothing warns of the storage, and the next
// token is taken at once.
func TestATokenThatTheRecordsHaveIsUsedAndBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		r.read(t, 0)
		before := r.Snapshot().State.Credit.Available()
		r.journal.knows()
		reply, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "mqtt"}})
		if err != nil {
			t.Fatalf("the token is answered %v", err)
		}
		if res := reply.TopUp; res.Token.Code != credit.Used || res.Bought != 0 || res.Available != before || len(res.Says) == 0 {
			t.Errorf("the token is answered %+v", res)
		}
		st := r.Snapshot().State
		if st.Credit.Available() != before || st.Health.Has(health.StoreFailed, "") {
			t.Errorf("%s became %s, warnings %+v", before, st.Credit.Available(), st.Health.Active)
		}
		reply, err = r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 2, 25), Source: "mqtt"}})
		if err != nil || !reply.TopUp.Accepted() {
			t.Errorf("the next token: %+v, %v", reply.TopUp, err)
		}
		r.stop()
		if err := credit.Verify(r.journal.ledger()); err != nil {
			t.Error(err)
		}
	})
}

// Somebody tries wrong tokens by one way, without a pause; after an hour of it
// the owner comes by another way, and goes on trying while the other does.
func TestSecondsUntilTheOwnersTokenIsTakenWhileSomebodyGuesses(t *testing.T) {
	for attacked, owner := range map[string]string{"mqtt": "page", "card": "page", "keypad": "page", "cli": "page", "page": "mqtt"} {
		b := newBench(t)
		tries := 0
		guess := func() {
			b.now = b.now.Add(10 * time.Second)
			tries++
			b.step(Input{What: Token{Text: fmt.Sprintf("9%08d", tries), Source: attacked}})
		}
		for range 360 {
			guess()
		}
		if !b.st.Health.Has(health.TokenLocked, attacked) || b.st.Health.Has(health.TokenLocked, owner) {
			t.Errorf("guessing by %s: warnings %+v", attacked, b.st.Health.Active)
		}
		waited := -1
		for n := range 360 {
			guess()
			if eff := b.step(Input{What: Token{Text: tokenFor(t, 1, 25), Source: owner}}); eff.Reply.TopUp.Accepted() {
				waited = 10 * n
				break
			}
		}
		t.Logf("guessing by %s: the owner's token by %s is taken after %d s", attacked, owner, waited)
		if waited != 0 {
			t.Errorf("guessing by %s: the owner's token by %s is taken after %d s (-1: not within an hour)", attacked, owner, waited)
		}
	}
}
