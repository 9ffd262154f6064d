package credit

import "fmt"

// Condense makes one entry of the charges of a name, and of the changes of the
// supply, in a run of entries of which none was stored or shown to anybody: it
// is for a ledger that cannot be written for so long that its entries would
// fill the memory.  What the entries come to - balance, debt, energy, tax - is
// as it was, the newest keep entries are, and those of tokens and of orders.
// The answer is chained anew after the entry before the first.
func Condense(entries []Entry, keep int) []Entry {
	old := entries[:max(0, len(entries)-keep)]
	type group struct {
		Kind
		name string
	}
	// A group is told where its last entry stands.
	last, sum, first := map[group]int{}, map[group]Entry{}, map[group]string{}
	count := map[group]int{}
	for i, e := range old {
		g, ok := group{e.Kind, e.Name}, e.merges()
		if !ok {
			continue
		}
		if e.Kind == Supply {
			g.name = ""
		}
		if count[g] == 0 {
			first[g] = e.Ref
		}
		s := sum[g]
		s.Amount, s.Tax, s.Energy, s.Owed = s.Amount+e.Amount, s.Tax+e.Tax, s.Energy+e.Energy, s.Owed+e.Owed
		sum[g], last[g] = s, i
		count[g]++
	}
	out := make([]Entry, 0, len(entries))
	for i, e := range entries {
		if i < len(old) && e.merges() {
			g := group{e.Kind, e.Name}
			if e.Kind == Supply {
				g.name = ""
			}
			if last[g] != i {
				continue
			}
			if n := count[g]; n > 1 {
				s := sum[g]
				e.Amount, e.Tax, e.Energy, e.Owed = s.Amount, s.Tax, s.Energy, s.Owed
				e.Cause = fmt.Sprintf("%s (%d entries in one: they could not be recorded one by one)", e.summary(), n)
				if e.Kind != Supply {
					e.Ref = first[g] + "/" + e.Ref
				}
			}
		}
		out = append(out, e)
	}
	rechain(out, entries[0])
	return out
}

// merges tells whether an entry may be added up with others of its kind and
// name: a charge, or a change of the supply.
func (e Entry) merges() bool {
	switch e.Kind {
	case Consumption, Export, Standing, Demand, Levy, Tax, Supply:
		return true
	case Debt:
		return e.Amount == 0 && e.Owed > 0 && e.Ref != "" // a charge that became debt
	case Opening, Topup, Emergency, Adjustment, Refund, Gift, Notice:
	}
	return false
}

// summary is what an entry that stands for several is for.
func (e Entry) summary() string {
	switch {
	case e.Kind == Supply:
		return e.Cause
	case e.Energy != 0:
		return fmt.Sprintf("%s: %s", e.Name, e.Energy)
	}
	return e.Name
}

// rechain makes entries follow each other from where first stood.
func rechain(entries []Entry, first Entry) {
	seq, prev := first.Seq, first.Prev
	balance, debt := first.Balance-first.Amount, first.Debt-first.Owed
	for i := range entries {
		e := &entries[i]
		balance, debt = balance+e.Amount, debt+e.Owed
		e.Seq, e.Prev, e.Balance, e.Debt = seq, prev, balance, debt
		e.Hash = e.Sum()
		seq, prev = seq+1, e.Hash
	}
}
