package desk

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
)

func TestCutsAreWhatTheLedgerSaysOfTheSupply(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	entry := func(seq uint64, hours int, position credit.Position, cause credit.Cause) credit.Entry {
		return credit.Entry{Seq: seq, At: at.Add(time.Duration(hours) * time.Hour), Kind: credit.Supply, Name: string(position), Ref: string(cause), Cause: "why"}
	}
	st, _ := site.Begin(at)
	r := &testsite.Records{Entries: []credit.Entry{
		entry(1, 0, credit.Connected, ""),
		entry(2, 5, credit.Disconnected, credit.ForNoCredit),
		{Seq: 3, At: at.Add(6 * time.Hour), Kind: credit.Topup},
		entry(4, 7, credit.Disconnected, credit.ByUtility),
		entry(5, 9, credit.Ready, ""),
		entry(6, 10, credit.Connected, ""),
		entry(7, 30, credit.Disconnected, credit.ByOverload),
	}}
	cut := func(seq uint64, from, to int, cause string) web.Cut {
		c := web.Cut{From: at.Add(time.Duration(from) * time.Hour), Cause: cause, Says: "why", Seq: seq}
		if to > 0 {
			c.To = at.Add(time.Duration(to) * time.Hour)
		}
		return c
	}
	want := []web.Cut{cut(7, 30, 0, "overload"), cut(5, 9, 10, web.CutWaits), cut(4, 7, 9, "utility"), cut(2, 5, 7, "credit")}
	got, err := shown(site, st, r).Cuts(t.Context(), 20)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
}
