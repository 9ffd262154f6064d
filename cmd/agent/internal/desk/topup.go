package desk

import (
	"context"
	"errors"
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// TopUp enters the tokens of a text.
func (d *Desk) TopUp(ctx context.Context, text, source string) (web.TopUpResult, error) {
	was := d.loop.Snapshot().State
	receipts := control.Enter(ctx, d.loop, d.site.Credit, text, source)
	is := d.loop.Snapshot().State
	if len(receipts) == 1 {
		out, err := d.one(receipts[0], was, is)
		d.light(&out, was, is)
		d.foretell(&out, out.Amount, is)
		return out, err
	}
	var all web.TopUpResult
	for i, r := range receipts {
		out, err := d.one(r, was, is)
		if err != nil {
			out = web.TopUpResult{Outcome: web.NotKnown, Balance: is.Credit.Available()}
		}
		out.N, out.Digits, out.Slip, out.Off = i+1, r.Found.Digits, string(r.Found.Slip), r.Found.Off
		all.Each = append(all.Each, out)
	}
	d.sum(&all, receipts, is)
	d.light(&all, was, is)
	for _, r := range slices.Backward(all.Each) {
		if r.Outcome == web.Accepted && r.Amount > 0 {
			d.foretell(&all, r.Amount, is)
			break
		}
	}
	return all, nil
}

// foretold is how many of the next top-ups are foretold.
const foretold = 3

// foretell says what the next top-ups of the same amount will pay of the debts.
func (d *Desk) foretell(out *web.TopUpResult, amount units.Money, is control.State) {
	if out.Outcome == web.Accepted && amount > 0 {
		out.NextAmount, out.NextToDebt = amount, d.site.Credit.Foretell(is.Credit, is.Now, amount, foretold)
	}
}

// sum is several tokens as one: what keeps them from being entered, where
// something does, and what they have come to.
func (d *Desk) sum(all *web.TopUpResult, receipts []control.Receipt, is control.State) {
	all.Outcome, all.Balance = all.Each[0].Outcome, is.Credit.Available()
	accepted := func(r web.TopUpResult) bool { return r.Outcome == web.Accepted }
	if slices.ContainsFunc(all.Each, accepted) {
		all.Outcome = web.Accepted
	}
	for i, r := range all.Each {
		if !receipts[i].Entered() && !receipts[i].Waits() {
			all.Outcome, all.TriesLeft, all.Until, all.Reason, all.Remedy = r.Outcome, r.TriesLeft, r.Until, r.Reason, r.Remedy
		}
		if !accepted(r) {
			continue
		}
		all.Amount += r.Amount
		for _, p := range r.Paid {
			if at := slices.IndexFunc(all.Paid, func(q web.Part) bool { return q.Name == p.Name }); at >= 0 {
				all.Paid[at].Amount += p.Amount
			} else {
				all.Paid = append(all.Paid, p)
			}
		}
	}
	for _, r := range receipts {
		if t := r.Result; t != nil && t.Accepted() && t.Token.Effect == credit.KeyChange {
			all.KeyWords, all.KeyOf = max(all.KeyWords, int(t.Token.Value)), int(t.Token.Of)
		}
	}
}

// one is what became of one token.
func (d *Desk) one(r control.Receipt, was, is control.State) (web.TopUpResult, error) {
	switch {
	case errors.Is(r.Err, control.ErrNotKnown):
		return web.TopUpResult{Outcome: web.NotKnown, Balance: was.Credit.Available()}, nil
	case errors.Is(r.Err, control.ErrNotRecorded):
		return web.TopUpResult{Outcome: web.NotRecorded, Balance: was.Credit.Available()}, nil
	case r.Err != nil:
		return web.TopUpResult{}, r.Err
	case r.Result == nil:
		return web.TopUpResult{Outcome: web.Waiting, Balance: is.Credit.Available()}, nil
	}
	out := d.topUpResult(*r.Result, is)
	if out.Outcome == web.Malformed {
		out.Slip, out.Off = string(r.Found.Slip), r.Found.Off
	}
	out.Later = out.Outcome == web.Refused && !r.Entered()
	return out, nil
}

func (d *Desk) topUpResult(r credit.Result, is control.State) web.TopUpResult {
	out := web.TopUpResult{
		Outcome: outcome(r), Amount: r.Bought, Balance: r.Available, TriesLeft: r.TriesLeft, Reason: d.plain.Say(r.Says),
	}
	for _, p := range r.Paid {
		out.Paid = append(out.Paid, web.Part{Name: p.Name, Amount: p.Amount})
	}
	if r.Token.Code == credit.Unreadable {
		out.Remedy = d.words.T("refused.unreadable.do")
	}
	if r.Wait > 0 {
		out.Until = is.Now.Add(r.Wait)
	}
	if r.Accepted() && r.Token.Effect != credit.AddCredit && r.Token.Effect != credit.SetCredit {
		out.Effect = d.plain.Say(r.Says)
	}
	return out
}

// light says whether the supply comes back: without a switch nothing was off.
func (d *Desk) light(out *web.TopUpResult, was, is control.State) {
	out.Restored = d.site.Contactor && !was.Decision.Close && is.Decision.Close
	out.ReadyToRestore = d.site.Contactor && is.Credit.Supply.Position == credit.Ready
}

func outcome(r credit.Result) web.Outcome {
	switch r.Token.Code {
	case credit.Accept:
		return web.Accepted
	case credit.Used:
		return web.AlreadyUsed
	case credit.Old, credit.Expired:
		return web.TooOld
	case credit.Lockout:
		return web.Locked
	case credit.Unreadable, credit.Withheld:
		return web.NotRecorded
	case credit.Format:
		return web.Malformed
	case credit.CRC, credit.Invalid, credit.Range:
		return web.Wrong
	default:
	}
	return web.Refused
}

// LastTokens is the entries of the last n tokens of credit, newest first, as far
// back as a few thousand entries reach.
func (d *Desk) LastTokens(ctx context.Context, n int) ([]credit.Entry, error) {
	var out []credit.Entry
	for before, pages := uint64(0), 0; pages < tokenPages; pages++ {
		entries, err := d.records.LedgerPage(ctx, before, costPage)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if before = e.Seq; e.Kind == credit.Topup {
				if out = append(out, e); len(out) == n {
					return out, nil
				}
			}
		}
		if len(entries) < costPage || before <= 1 {
			break
		}
	}
	return out, nil
}

// tokenPages is how many pages of the ledger are looked through for tokens: some
// months of half hours.
const tokenPages = 12
