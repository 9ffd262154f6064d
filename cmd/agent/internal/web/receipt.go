package web

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/sealed"
)

// receiptBody is what a receipt is drawn from: a top-up, or a month.
type receiptBody struct {
	accountBody
	TopUp   *Receipt
	Meter   string        // "" where the reader may not know it
	Key     string        // that signs it
	Style   template.CSS  // a receipt needs nothing besides itself
	Entries template.HTML // for a program to check: the entries as "ledger export" writes them
}

// receiptStyle is the look of a receipt.
const receiptStyle = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#17211c;background:#fff}" +
	"table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.3rem .4rem;border-bottom:1px solid #d5ddd6;vertical-align:top}" +
	"th{font-weight:400}caption{text-align:left;font-weight:700}.num{text-align:right;white-space:nowrap}.total>*{font-weight:700;border-top:2px solid #75847b}" +
	".muted{color:#4f5d56}code{overflow-wrap:anywhere;font-size:.85em}footer{margin-top:2rem;font-size:.9rem}"

// topUpReceipt is a top-up as a file that a stranger can check.
func (s *Server) topUpReceipt(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseUint(strings.TrimSuffix(r.PathValue("file"), ".html"), 10, 64)
	if err != nil {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	rec, err := s.agent.Receipt(r.Context(), seq)
	switch {
	case errors.Is(err, ErrUnknown):
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	case err != nil:
		s.ledgerFailed(w, r, err)
		return
	}
	lines := make([]string, len(rec.Entries))
	for i, e := range rec.Entries {
		lines[i] = entryLine(e)
	}
	s.sendReceipt(w, r, "receipt-"+strconv.FormatUint(seq, 10), receiptBody{TopUp: &rec, Entries: template.HTML(strings.Join(lines, ""))}) //nolint:gosec // JSON, in which < and > are escaped
}

// entryLine is an entry as "ledger export" writes it.  What could end the element
// that it stands in is escaped by json.
func entryLine(e credit.Entry) string {
	b, err := json.Marshal(e)
	if err != nil {
		return ""
	}
	return string(b) + "\n"
}

// monthReceipt is a billing month as a file that a stranger can check.
func (s *Server) monthReceipt(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	at, ok := monthAsked(strings.TrimSuffix(r.PathValue("file"), ".html"), s.model(&v, "").Zone)
	if !ok || at.IsZero() {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	b, err := s.printedBody(r, at)
	if err != nil {
		s.ledgerFailed(w, r, err)
		return
	}
	s.sendReceipt(w, r, "statement-"+b.Statement.Month.From.In(s.model(&v, "").Zone).Format(time.DateOnly), receiptBody{accountBody: b})
}

func (s *Server) sendReceipt(w http.ResponseWriter, r *http.Request, name string, b receiptBody) {
	v := s.agent.View()
	m := s.model(&v, "receipt")
	key, err := s.receiptKey()
	if err != nil {
		s.log.Error("receipt", "error", err)
		s.fail(w, r, http.StatusServiceUnavailable, "receipt.no_key")
		return
	}
	if b.Key = sealed.PublicOf(key); s.knows(r) {
		b.Meter = s.cfg.Meter
	} else {
		b.Entries = "" // the meter's number may stand in a cause
	}
	b.Style = receiptStyle
	m.Body = b
	var page bytes.Buffer
	if err := s.pages.ExecuteTemplate(&page, "receipt.html", m); err != nil {
		s.log.Error("receipt", "error", err)
		s.fail(w, r, http.StatusInternalServerError, "error.page")
		return
	}
	file, err := sealed.Seal(page.Bytes(), key)
	if err != nil {
		s.log.Error("receipt", "error", err)
		s.fail(w, r, http.StatusInternalServerError, "error.page")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.html"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(file)))
	writeBody(w, r, file)
}

// receiptKey is the key that signs receipts.
func (s *Server) receiptKey() (ed25519.PrivateKey, error) {
	if s.cfg.Key == nil {
		return nil, errors.New("there is no key")
	}
	return s.cfg.Key()
}
