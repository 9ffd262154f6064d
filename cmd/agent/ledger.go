package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// ledgerCmd checks and hands out the ledger.
type ledgerCmd struct {
	Verify ledgerVerifyCmd `cmd:"" help:"Check every entry of the ledger and print its head."`
	Export ledgerExportCmd `cmd:"" help:"Print the ledger as a statement (csv) or exactly (jsonl)."`
	Adjust ledgerAdjustCmd `cmd:"" help:"Operator: correct the balance, refund or give, with a reason. The agent must be stopped."`
	Adopt  ledgerAdoptCmd  `cmd:"" help:"Operator: take the ledger's word where the agent's records do not agree. The agent must be stopped."`
	Owe    ledgerOweCmd    `cmd:"" help:"Operator: take on a debt, or forgive part of one, with a reason. The agent must be stopped."`
}

// ledgerVerifyCmd checks a ledger.
type ledgerVerifyCmd struct {
	From string   `arg:"" default:"data" help:"Folder of the agent's records, or a file that \"ledger export --format jsonl\" wrote."`
	Head []string `sep:"none" placeholder:"SEQ:HASH" help:"A head that was printed, or the message of the topic ledger/head; shows a cut tail, an old copy and a rewritten ledger."`
}

// Run checks the ledger and prints its head, to be kept somewhere else.
func (c ledgerVerifyCmd) Run(e *env) error {
	heads := make([]credit.Head, len(c.Head))
	for i, text := range c.Head {
		var err error
		if heads[i], err = parseHead(text); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	var v *credit.Verifier
	err := withLedger(e.Ctx, c.From, func(entries iter.Seq2[credit.Entry, error], state func() ([]credit.Head, error)) error {
		kept, unread := state() // before the entries: a running agent may add some
		v = credit.NewVerifier(append(heads, kept...)...)
		for entry, err := range entries {
			if err != nil {
				return fmt.Errorf("after ledger entry %d: %w", v.Head().Seq, err)
			}
			if err := v.Next(entry); err != nil {
				return err
			}
		}
		if err := v.End(); err != nil || unread == nil {
			return err
		}
		return fmt.Errorf("its entries follow each other, to the head %d:%s, but what names its end cannot be read: %w", v.Head().Seq, v.Head().Hash, unread)
	})
	if err != nil {
		return &exitError{exitInvalid, err}
	}
	h := v.Head()
	_, err = fmt.Fprintf(e.Stdout, "sound: %s, balance %s, head %d:%s\n", entries(h.Seq), h.Balance, h.Seq, h.Hash)
	return err
}

// parseHead reads SEQ:HASH, or the message of the topic ledger/head.
func parseHead(text string) (credit.Head, error) {
	if strings.HasPrefix(text, "{") {
		var m api.Head
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return credit.Head{}, fmt.Errorf("%q is not a head: %w", text, err)
		}
		text = fmt.Sprintf("%d:%s", m.Seq, m.Hash)
	}
	seq, hash, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(seq, 10, 64)
	if _, herr := hex.DecodeString(hash); !ok || err != nil || herr != nil || len(hash) != 64 {
		return credit.Head{}, fmt.Errorf("%q is not a head; write it as \"ledger verify\" prints it, SEQ:HASH", text)
	}
	return credit.Head{Seq: n, Hash: strings.ToLower(hash)}, nil
}

// withLedger calls use with the entries of a folder or of an exported file,
// and with what answers the heads that are kept beside them.
func withLedger(ctx context.Context, from string, use func(entries iter.Seq2[credit.Entry, error], state func() ([]credit.Head, error)) error) error {
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("there is no ledger: %w", err)
	}
	if !info.IsDir() {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		return use(exported(f), func() ([]credit.Head, error) { return nil, nil })
	}
	s, err := store.Open(ctx, from, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() //nolint:contextcheck // it only reads, and closes whatever ctx says
	return use(s.Ledger(ctx, 1), func() ([]credit.Head, error) { return stateHeads(ctx, s) })
}

// stateHeads is the ledger's end as the agent's state has it, which is stored with every entry.
func stateHeads(ctx context.Context, s *store.Store) ([]credit.Head, error) {
	snap, err := s.Load(ctx)
	if err != nil || snap.Checkpoint == nil {
		return nil, err
	}
	var state struct {
		Credit struct {
			Head credit.Head `json:"head"`
		} `json:"credit"`
	}
	err = snap.Packed
	if err == nil {
		err = json.Unmarshal(snap.Checkpoint, &state)
	}
	if err != nil {
		return nil, fmt.Errorf("the state beside the ledger is damaged: %w", err)
	}
	return []credit.Head{state.Credit.Head}, nil
}

// exported reads entries from JSON lines.
func exported(r io.Reader) iter.Seq2[credit.Entry, error] {
	return func(yield func(credit.Entry, error) bool) {
		d := json.NewDecoder(bufio.NewReader(r))
		d.DisallowUnknownFields()
		for {
			var entry credit.Entry
			err := d.Decode(&entry)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// ledgerExportCmd prints a ledger.
type ledgerExportCmd struct {
	From   string    `arg:"" default:"data" help:"Folder of the agent's records."`
	Format string    `enum:"csv,jsonl" default:"csv" help:"csv for people and spreadsheets; jsonl is exact and can be verified again."`
	Since  time.Time `help:"Only entries from this instant on."`
	Until  time.Time `help:"Only entries before this instant."`
}

// Run prints one line an entry, the oldest first.
func (c ledgerExportCmd) Run(e *env) error {
	out := bufio.NewWriter(e.Stdout)
	table := csv.NewWriter(out)
	write := func(entry credit.Entry) error { return table.Write(statementRow(entry)) }
	if c.Format == "jsonl" {
		lines := json.NewEncoder(out)
		write = func(entry credit.Entry) error { return lines.Encode(entry) }
	} else if err := table.Write(statementHead()); err != nil {
		return err
	}
	err := withLedger(e.Ctx, c.From, func(entries iter.Seq2[credit.Entry, error], _ func() ([]credit.Head, error)) error {
		for entry, err := range entries {
			if err != nil {
				return err
			}
			if entry.At.Before(c.Since) || !c.Until.IsZero() && !entry.At.Before(c.Until) {
				continue
			}
			if err := write(entry); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if table.Flush(); table.Error() != nil {
		return table.Error()
	}
	return out.Flush()
}

func statementHead() []string {
	return []string{"seq", "time", "kind", "name", "amount", "balance", "tax", "energy_kwh", "debt_change", "debt", "cause", "ref", "hash"}
}

// statementRow is an entry for a spreadsheet.
func statementRow(e credit.Entry) []string {
	kwh := units.Money(units.MulDiv(int64(e.Energy), int64(units.One), int64(units.KilowattHour)))
	return []string{
		strconv.FormatUint(e.Seq, 10), e.At.Format(time.RFC3339), string(e.Kind), cell(e.Name), e.Amount.String(), e.Balance.String(),
		e.Tax.String(), kwh.String(), e.Owed.String(), e.Debt.String(), cell(e.Cause), cell(e.Ref), e.Hash,
	}
}

// cell is text that a spreadsheet does not take for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
