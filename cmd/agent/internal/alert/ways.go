package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/trust"
)

// Publish sends a message to a broker and waits for its word.
type Publish func(ctx context.Context, payload []byte) error

// Recipients are those of a configuration; publish is nil without a broker.
func Recipients(cfg config.Config, publish Publish) []Recipient {
	if cfg.Alerts == nil {
		return nil
	}
	var out []Recipient
	for _, to := range cfg.Alerts.To {
		r := Recipient{Name: to.Name, Least: leastOf(to.Least)}
		switch {
		case to.Mail != nil:
			r.Way = mailWay{*to.Mail, cfg.Path(to.Mail.CA)}
		case to.Ntfy != nil:
			r.Way = ntfyWay{*to.Ntfy, poster{cfg.Path(to.Ntfy.CA)}}
		case to.Telegram != nil:
			r.Way = telegramWay{*to.Telegram, poster{}}
		case to.Webhook != nil:
			r.Way = webhookWay{*to.Webhook, poster{cfg.Path(to.Webhook.CA)}}
		case to.MQTT != nil:
			r.Way = mqttWay{publish}
		}
		out = append(out, r)
	}
	return out
}

func leastOf(name string) health.Severity {
	for _, s := range []health.Severity{health.Info, health.Caution, health.Critical} {
		if s.String() == name {
			return s
		}
	}
	return health.Serious
}

// wire is a message as programs read it.
func wire(m Message) ([]byte, error) {
	a := api.Alert{ID: m.ID, Site: m.Site, Name: m.Name, At: m.At, Severity: m.Grade.String(), Subject: m.Subject, Text: m.Text, Notices: []api.AlertNotice{}}
	for _, n := range m.Notices {
		w := api.AlertNotice{Notice: api.Notice{
			Code: string(n.Code), Subject: n.Subject, Severity: n.Grade.String(), Since: n.Since, Title: n.Title, Cause: n.Cause, Remedy: n.Remedy,
		}}
		if !n.Over.IsZero() {
			over := n.Over
			w.Over = &over
		}
		a.Notices = append(a.Notices, w)
	}
	return json.Marshal(a)
}

// mqttWay sends to the site's topic alert.
type mqttWay struct{ publish Publish }

func (w mqttWay) Send(ctx context.Context, m Message) error {
	payload, err := wire(m)
	if err != nil {
		return err
	}
	return w.publish(ctx, payload)
}

// Check answers nil: what the broker wants is the session's to check.
func (mqttWay) Check() error { return nil }

// poster posts over HTTP.
type poster struct{ ca string }

// Check reads the file of the authority.
func (p poster) Check() error {
	_, err := trust.Config(p.ca)
	return err
}

// mostAnswer is how much of an answer is read.
const mostAnswer = 64 << 10

// post sends body and answers what came back.  Errors do not name the address: it
// may hold a secret.
func (p poster) post(ctx context.Context, to string, header map[string]string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, bare(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	trusts, err := trust.Config(p.ca)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trusts, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // what is posted, and its secret, go where the configuration says and nowhere else
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("the server answers %d %s: %.200s", resp.StatusCode, http.StatusText(resp.StatusCode), line(string(answer)))
	}
	return answer, err
}

// bare is an error of the HTTP client without the address.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// ntfyWay sends to a topic of an ntfy server, by its JSON form, so that any
// language may be in the title.
type ntfyWay struct {
	config.AlertNtfy
	poster
}

// priority is that of https://docs.ntfy.sh/publish: 5 is the greatest.
func priority(g health.Severity) int {
	switch g {
	case health.Critical:
		return 5
	case health.Serious:
		return 4
	case health.Info, health.Caution:
	}
	return 3
}

func (w ntfyWay) Send(ctx context.Context, m Message) error {
	i := strings.LastIndexByte(w.URL, '/')
	body, err := json.Marshal(map[string]any{"topic": w.URL[i+1:], "title": m.Subject, "message": m.Text, "priority": priority(m.Grade)})
	if err != nil {
		return err
	}
	header := map[string]string{}
	if w.Token != "" {
		header["Authorization"] = "Bearer " + w.Token
	}
	_, err = w.post(ctx, w.URL[:i+1], header, body)
	return err
}

// webhookWay posts the message as programs read it.
type webhookWay struct {
	config.AlertWebhook
	poster
}

// signature is the header that proves who sends: HMAC-SHA256 of the body, in
// hexadecimal.
const signature = "X-Keeplit-Signature"

func (w webhookWay) Send(ctx context.Context, m Message) error {
	body, err := wire(m)
	if err != nil {
		return err
	}
	header := map[string]string{}
	if w.Secret != "" {
		h := hmac.New(sha256.New, []byte(w.Secret))
		_, _ = h.Write(body) // a hash never fails
		header[signature] = "sha256=" + hex.EncodeToString(h.Sum(nil))
	}
	_, err = w.post(ctx, w.URL, header, body)
	return err
}

// telegramWay sends to a chat by a bot: https://core.telegram.org/bots/api#sendmessage.
type telegramWay struct {
	config.AlertTelegram
	poster
}

// mostTelegram is how many characters a message of Telegram may have.
const mostTelegram = 4096

func (w telegramWay) Send(ctx context.Context, m Message) error {
	text := []rune(m.Subject + "\n\n" + m.Text)
	if len(text) > mostTelegram {
		text = append(text[:mostTelegram-1], '…')
	}
	body, err := json.Marshal(map[string]any{"chat_id": w.Chat, "text": string(text), "disable_notification": m.Grade < health.Serious})
	if err != nil {
		return err
	}
	answer, err := w.post(ctx, strings.TrimSuffix(w.Server, "/")+"/bot"+w.Token+"/sendMessage", nil, body)
	if err != nil {
		return err
	}
	var out struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || !out.OK {
		return fmt.Errorf("Telegram did not take it: %.200s", line(out.Description)) //nolint:staticcheck // a name
	}
	return nil
}
