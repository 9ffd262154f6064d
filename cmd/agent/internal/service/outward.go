package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/homeassistant"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/store"
)

// sessionOf builds the MQTT session that a configuration names; nil where it
// names none.
func sessionOf(cfg config.Config, log *slog.Logger) (*broker.Session, error) {
	if cfg.MQTT == nil {
		return nil, nil
	}
	session, err := broker.New(BrokerOf(cfg, log))
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	return session, nil
}

// BrokerOf is the broker that a configuration names.
func BrokerOf(cfg config.Config, log *slog.Logger) broker.Config {
	m := cfg.MQTT
	c := broker.Config{
		URL: m.URL, Others: m.Others, Site: cfg.Site.ID, ClientID: m.ClientID, Username: m.Username, Spread: m.Spread, Log: log,
		TLS: broker.TLS{CAFile: cfg.Path(m.CA), CertFile: cfg.Path(m.Cert), KeyFile: cfg.Path(m.Key)},
	}
	if m.Password != "" {
		c.Password = func() (string, error) { return m.Password, nil }
	}
	return c
}

// topicsOf are the site's topics at its broker; nil without one.
func topicsOf(session *broker.Session) *broker.Topics {
	if session == nil {
		return nil
	}
	t := session.Topics()
	return &t
}

// drain is how long what waits in the outbox may take to leave at the end.
const drain = 5 * time.Second

// outbound builds what empties the outbox.
func (s *Service) outbound(cfg config.Config) (err error) {
	if s.session != nil {
		s.messages = broker.NewForwarder(s.session, s.store.Outbox(store.MQTT), drain, s.log)
	}
	if i := cfg.InfluxDB; i != nil {
		fc := telemetry.Config{URL: i.URL, Org: i.Org, Bucket: i.Bucket, CAFile: cfg.Path(i.CA), Site: cfg.Site.ID, Drain: drain, Log: s.log}
		if i.Token != "" {
			fc.Token = func() (string, error) { return i.Token, nil }
		}
		if s.influx, err = telemetry.New(fc, s.store.Outbox(store.Influx)); err != nil {
			return fmt.Errorf("influxdb: %w", err)
		}
	}
	return nil
}

func outboxLimit(cfg config.Config) store.Limit {
	l := store.DefaultLimit()
	l.Rows, l.Age = cfg.Telemetry.MaxRows, cfg.Telemetry.MaxAge
	return l
}

// shares tells whether a name is one of a list.
func shares(list []string) func(name string) bool {
	return func(name string) bool { return slices.Contains(list, name) }
}

// announce has the site announced to Home Assistant, where that is configured.
func (s *Service) announce(cfg config.Config, version string, unit present.Unit) {
	if s.session == nil || cfg.MQTT.HomeAssistant == nil {
		return
	}
	h := cfg.MQTT.HomeAssistant
	home := homeassistant.Home{
		Prefix: h.Prefix, ID: cfg.Site.ID, Name: cfg.Site.Name, Version: version, Unit: unit.Code, InKWh: unit.Energy, Decimals: unit.Decimals,
		Switched: s.site.Contactor, Commands: h.Commands, Topics: s.session.Topics(),
	}
	for _, l := range s.site.Loads {
		home.Loads = append(home.Loads, homeassistant.Load{ID: l.ID, Name: l.Name, Class: l.Called, Measured: !l.Kind.Runs()})
	}
	s.talk.Announce(home, !h.Discovery)
}

// listen subscribes to what comes over MQTT.
func (s *Service) listen() error {
	if s.session == nil {
		return nil
	}
	return s.talk.Listen(s.session, s.log)
}

// publish keeps the retained MQTT messages up to date.
func (s *Service) publish(ctx context.Context) error {
	if s.session == nil {
		<-ctx.Done()
		return nil
	}
	return s.talk.Publish(ctx, s.session)
}
