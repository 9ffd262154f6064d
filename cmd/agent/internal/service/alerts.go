package service

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
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
		Site: cfg.Site.ID, Name: cfg.Site.Name, Words: s.words, File: filepath.Join(cfg.Path(cfg.Data), toldFile),
		Quiet: cfg.Alerts.Quiet, To: alert.Recipients(cfg, s.publishAlert),
		View: func() (picture.View, time.Duration) {
			v := s.desk.View()
			return v, s.loop.Snapshot().State.Ladder.Told
		},
		Failed: s.alertFailed, Log: s.log,
	})
}

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
