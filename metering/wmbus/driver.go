package wmbus

import (
	"cmp"
	"context"
	"regexp"
	"slices"
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
	// What stands at port: lines (a program or device that writes frames in hexadecimal), cul or im871a.
	// Default: lines
	// Example: im871a
	Receiver string `yaml:"receiver,omitempty"`
	// The radio's mode, of a receiver that is told: T, C or both. Left out: T of a cul, both of an im871a.
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
	l = append(l, d.Document.Check()...)
	if d.Receiver != "" {
		l.OneOf("receiver", d.Receiver, receiverNames()...)
	}
	r, known := receivers()[cmp.Or(d.Receiver, "lines")]
	if d.Mode != "" && known {
		words := []string{"T", "C", "both"}
		switch {
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

func (d *Document) dialect() *obis.DialectDocument { return &obis.DialectDocument{Factors: d.Factors} }

// Label implements metering.Settings.
func (d *Document) Label() string { return "wireless M-Bus meter " + d.Number }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

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
	return New(Config{
		Name: d.Port, Number: d.Number, Maker: d.Maker, Key: key, Dialect: d.dialect().Dialect(),
		Open: greeting(d.Opener(r.mode), r.hello[mode]), Receiver: name,
		Patience: max(usualPatience, 3*e.Every), Now: e.Now,
	})
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
