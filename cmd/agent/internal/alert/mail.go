package alert

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/trust"
)

// mailWay sends by SMTP.
type mailWay struct {
	config.AlertMail
	ca string
}

// mailWithin is how long one answer of a mail server may take.
const mailWithin = 30 * time.Second

func (w mailWay) Send(ctx context.Context, m Message) error {
	msg := mail.NewMsg()
	if err := msg.From(w.From); err != nil {
		return err
	}
	if err := msg.To(w.To...); err != nil {
		return err
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.At)
	_, domain, _ := strings.Cut(strings.TrimSuffix(w.From, ">"), "@")
	msg.SetMessageIDWithValue("keeplit." + m.ID + "@" + domain) // a message sent twice is the same to a mail program
	msg.SetGenHeader(mail.Header("Auto-Submitted"), "auto-generated")
	if m.Grade == health.Critical {
		msg.SetImportance(mail.ImportanceHigh)
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text+"\n")
	client, err := w.client()
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}

// Check builds what sends, and connects to nothing.
func (w mailWay) Check() error {
	_, err := w.client()
	return err
}

func (w mailWay) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(w.Server)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("the port %q: %w", port, err)
	}
	trusts, err := trust.Config(w.ca)
	if err != nil {
		return nil, err
	}
	trusts.ServerName = host
	opts := []mail.Option{
		mail.WithPort(n), mail.WithTimeout(mailWithin), mail.WithoutNoop(),
		mail.WithTLSConfig(trusts),
	}
	switch w.Security {
	case "tls":
		opts = append(opts, mail.WithSSL())
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if w.Username != "" {
		// Whatever the server offers that does not send the password in the clear.
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(w.Username), mail.WithPassword(w.Password))
	}
	return mail.NewClient(host, opts...)
}
