package service

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/said"
)

// toldFile is where what was told is kept, in the data folder.
const toldFile = "told.json"

// alertsOf builds what tells people who do not look at the page.
func (s *Service) alertsOf(cfg config.Config) {
	if cfg.Alerts == nil {
		return
	}
	s.alerts = alert.New(alert.Config{
		Site: cfg.Site.ID, Name: cfg.Site.Name, Words: s.speaks.words, File: filepath.Join(cfg.Path(cfg.Data), toldFile),
		Quiet: cfg.Alerts.Quiet, To: alert.Recipients(cfg, s.publishAlert),
		View: func() (picture.View, time.Duration) {
			v := s.speaks.view()
			return v, s.loop.Snapshot().State.Ladder.Told
		},
		Failed: s.alertFailed, Log: s.log,
	})
}

// tongue is the language that alerts are told in: that which was set on the page last.
type tongue struct {
	s *Service

	mu    sync.Mutex
	lang  string // of the rest
	texts present.Words
	agent web.Agent // nil: none was asked for yet
}

// of is the desk in the language of now, and its words.
func (t *tongue) of() (web.Agent, present.Words) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if lang := t.s.page.Language(); t.agent == nil || lang != t.lang {
		t.lang, t.texts, t.agent = lang, present.WordsIn(lang), t.s.desk.In(lang)
	}
	return t.agent, t.texts
}

func (t *tongue) words() present.Words { _, w := t.of(); return w }

func (t *tongue) view() picture.View { a, _ := t.of(); return a.View() }

// errNoBroker says that there is no session to send by.
var errNoBroker = errors.New("no broker is configured")

func (s *Service) publishAlert(ctx context.Context, payload []byte) error {
	if s.session == nil {
		return errNoBroker
	}
	return s.session.Publish(ctx, s.session.Topics().Alert(), 1, false, payload)
}

// alertFailed tells that somebody cannot be told, and that he can again.
func (s *Service) alertFailed(ctx context.Context, who, cause string) {
	_, _ = s.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.AlertFailed, Subject: who, Cause: said.Words(cause)}})
}

// TriedAlerts are the recipients of a configuration, for who tries them beside a
// running agent: its session at the broker is left alone.
func TriedAlerts(cfg config.Config) []alert.Recipient {
	return alert.Recipients(cfg, func(ctx context.Context, payload []byte) error {
		c := BrokerOf(cfg, slog.New(slog.DiscardHandler))
		c.ClientID = "keeplit-trial-" + rand.Text()[:10]
		client, err := broker.Dial(ctx, c)
		if err != nil {
			return err
		}
		err = client.Publish(ctx, broker.NewTopics(cfg.Site.ID).Alert(), false, payload)
		client.Close()
		return err
	})
}
