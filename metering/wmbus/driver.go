package wmbus

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// Driver is the driver wmbus.
func Driver() metering.Driver {
	return metering.Driver{
		Name: "wmbus", New: func() metering.Settings { return new(Document) },
		Recordings: []metering.Recording{{Format: "wmbus", About: "lines with wireless M-Bus frames in hexadecimal", Decode: Decode, Keyed: decodeKeyed}},
	}
}

// Document is a meter on the air and the receiver that hears it.
//
// In a configuration: A meter that sends by radio (wireless M-Bus, OMS), heard through a receiver.
// Example: {number: "12345678", port: "192.168.1.40:9000"}
type Document struct {
	// The meter's number: the eight digits that it has printed on.
	// Example: "12345678"
	Number string `yaml:"number"`
	// The three letters of the meter's maker, where two meters have the number.
	// Example: APA
	Maker string `yaml:"maker,omitempty"`
	// The meter's key, 32 hex digits, as the grid operator gives it, in a file or an environment
	// variable, where it encrypts. With it nothing in clear is taken.
	// Example: {file: meter.key}
	Key string `yaml:"key,omitempty" secret:"true"`
	// What the meter's numbers are multiplied by, as where a current transformer is not known to it.
	// Example: {energy: "50", power: "50"}
	Factors *obis.FactorsDocument `yaml:"factors,omitempty"`

	line.Document `yaml:",inline"`
	// Where receivers publish what they hear over MQTT, in place of port: in hexadecimal, or in JSON with it
	// or base64 in it. It may have + and #. Needs the part mqtt.
	// Example: wmbus/+/telegram
	Topic string `yaml:"topic,omitempty"`
	// What stands at port: lines (a program or device that writes frames in hexadecimal), cul, im871a or
	// amb8465.
	// Default: lines
	// Example: im871a
	Receiver string `yaml:"receiver,omitempty"`
	// The radio's mode, of a receiver that is told: T, C or both. Left out: T of a cul, else both.
	// Example: T
	Mode string `yaml:"mode,omitempty"`
}

// usualPace is how often such meters send, about.
const usualPace = time.Minute

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.Need("number", d.Number, "write the eight digits that the meter has printed on")
	if d.Number != "" && !regexp.MustCompile(`^[0-9]{8}$`).MatchString(d.Number) {
		l.Add("number", `write the eight digits that the meter has printed on, in quotes, such as "01234567"`, "%q is no number of a meter", d.Number)
	}
	if d.Maker != "" && !regexp.MustCompile(`^[A-Z]{3}$`).MatchString(d.Maker) {
		l.Add("maker", "write three capital letters such as APA, as agent decode shows them, or leave it out", "%q is no maker", d.Maker)
	}
	glo.CheckSecret(&l, "key", d.Key)
	l = append(l, d.dialect().Check()...)
	l = append(l, d.checkPlace()...)
	if d.Receiver != "" {
		l.OneOf("receiver", d.Receiver, receiverNames()...)
	}
	r, known := receivers()[cmp.Or(d.Receiver, "lines")]
	if d.Mode != "" && known {
		words := []string{"T", "C", "both"}
		switch {
		case d.Topic != "":
			l.Add("mode", "leave it out; receivers that publish have theirs from where they are set up", "it cannot be told over a topic")
		case r.hello == nil:
			l.Add("mode", "leave it out; what hands on lines has its mode from where it is set up", "receiver lines cannot be told a mode")
		case !slices.Contains(words, d.Mode):
			l.OneOf("mode", d.Mode, words...)
		case r.hello[d.Mode] == "":
			l.Add("mode", "write T or C, that of the meter", "receiver %s hears one of them at a time", d.Receiver)
		}
	}
	return l
}

// checkPlace is everything wrong with where frames come from.
func (d *Document) checkPlace() (l fault.List) {
	if d.Topic == "" {
		if d.Port == "" {
			l.Add("port", line.NamePort+"; or topic, where receivers publish what they hear", "it is missing")
			return l
		}
		return d.Document.Check()
	}
	for _, k := range []struct{ key, value string }{{"port", d.Port}, {"receiver", d.Receiver}} {
		if k.value != "" {
			l.Add(k.key, "take it or topic out", "what is heard comes by topic")
		}
	}
	if d.Baud != 0 {
		l.Add("baud", "take it or topic out", "what is heard comes by topic")
	}
	levels := strings.Split(d.Topic, "/")
	for i, level := range levels {
		wild := strings.ContainsAny(level, "+#")
		switch {
		case level == "":
			l.Add("topic", "write it without slashes at the ends, and without two together", "nothing is told under %q", d.Topic)
			return l
		case wild && (i == 0 || level != "+" && (level != "#" || i < len(levels)-1)):
			l.Add("topic", "write + for one whole part behind the first, or # for all that follow", "%q is not what receivers publish under", d.Topic)
			return l
		}
	}
	return l
}

func (d *Document) dialect() *obis.DialectDocument { return &obis.DialectDocument{Factors: d.Factors} }

// Label implements metering.Settings.
func (d *Document) Label() string { return "wireless M-Bus meter " + d.Number }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs {
	if d.Topic != "" {
		return metering.NeedsBroker
	}
	return 0
}

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualPace }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	key, err := glo.ReadKey(d.Key)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(d.Receiver, "lines")
	r := receivers()[name]
	mode := d.Mode
	if mode == "" {
		if mode = "both"; r.hello[mode] == "" {
			mode = "T"
		}
	}
	c := Config{
		Name: d.Port, Number: d.Number, Maker: d.Maker, Key: key, Dialect: d.dialect().Dialect(),
		Patience: max(usualPatience, 3*e.Every), Now: e.Now,
	}
	if d.Topic != "" {
		c.Topic, c.Pool = d.Topic, e.MQTT
	} else {
		c.Open, c.Receiver = greeting(d.Opener(r.mode), r.hello[mode]), name
	}
	return New(c)
}

// greeting tells a receiver how to listen each time it is opened.
func greeting(open line.Opener, hello string) line.Opener {
	if hello == "" {
		return open
	}
	return func(ctx context.Context) (line.Conn, error) {
		c, err := open(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := c.Write([]byte(hello)); err != nil {
			_ = c.Close() // the failure that counts is err
			return nil, err
		}
		return c, nil
	}
}
