package web

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// guesses counts what was tried of one kind of secret and was wrong, and makes guessing slow.
type guesses struct {
	mu    sync.Mutex
	wrong map[netip.Addr]tries
	all   tries
	// right is when an address last gave the right one.
	right map[netip.Addr]time.Time
	// guessed is told that the common lock has closed, and who has tried.
	guessed func(n int, who []netip.Addr)
}

func newGuesses() guesses {
	return guesses{wrong: map[netip.Addr]tries{}, right: map[netip.Addr]time.Time{}, guessed: func(int, []netip.Addr) {}}
}

// try has what was given looked at, unless who gives it must wait: see gate.try.
func (g *guesses) try(from netip.Addr, exempt bool, matches func() bool) pinAnswer {
	now := time.Now()
	g.mu.Lock()
	if at, ok := g.right[from]; ok && now.Sub(at) < rightFor {
		exempt = true
	}
	wait := g.wrong[from].until.Sub(now)
	if !exempt {
		wait = max(wait, g.all.until.Sub(now))
	}
	g.mu.Unlock()
	if wait > 0 {
		return pinAnswer{wait: wait}
	}
	if !matches() {
		return g.count(from, now, exempt)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.wrong, from)
	if len(g.right) >= maxAddresses {
		clear(g.right)
	}
	g.right[from] = now
	return pinAnswer{right: true}
}

func (g *guesses) count(from netip.Addr, now time.Time, exempt bool) pinAnswer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.wrong[from]; !ok && len(g.wrong) >= maxAddresses {
		for a, t := range g.wrong {
			if now.Sub(t.last) > forgetAfter {
				delete(g.wrong, a)
			}
		}
		if len(g.wrong) >= maxAddresses {
			clear(g.wrong) // g.all still holds
		}
	}
	t := g.wrong[from].after(now, freeTries)
	g.wrong[from] = t
	g.all = g.all.after(now, freeTriesAll)
	wait := max(0, t.until.Sub(now))
	if g.all.n >= freeTriesAll {
		who := slices.SortedFunc(maps.Keys(g.wrong), func(a, b netip.Addr) int { return g.wrong[b].n - g.wrong[a].n })
		g.guessed(g.all.n, who)
		if !exempt {
			wait = max(wait, g.all.until.Sub(now))
		}
	}
	return pinAnswer{left: max(0, freeTries-t.n), wait: wait}
}

func (t tries) after(now time.Time, free int) tries {
	if now.Sub(t.last) > forgetAfter {
		t = tries{}
	}
	t.n++
	t.last = now
	if t.n >= free {
		wait := firstWait << min(t.n-free, 10)
		t.until = now.Add(min(wait, longestWait))
	}
	return t
}
