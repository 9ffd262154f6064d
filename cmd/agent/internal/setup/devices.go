package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// none is the answer of who has no such thing.
const none = "none"

// secret keeps a secret for a file beside the configuration; one that is there already stays.
func (i *interview) secret(file, question, usual string, take func(string) error) error {
	if i.There(file) {
		i.Say("The secret of %s stays.", file)
		return nil
	}
	return i.AskHidden(question, usual, func(s string) error {
		i.files[file] = s
		if s == "" {
			delete(i.files, file)
		}
		err := take(s)
		if err != nil {
			delete(i.files, file)
		}
		return err
	})
}

// Files of secrets beside the configuration.
const brokerSecret, influxSecret = "mqtt.password", "influx.token"

func (i *interview) brokerAt() error {
	var twice again
	return i.Ask("At which address is your MQTT broker, for plugs, meters and Home Assistant (none: without)", none, func(s string) error {
		delete(i.files, brokerSecret) // of an answer before this one
		if s == none {
			i.sheet.Leave("mqtt")
			return nil
		}
		if !strings.Contains(s, "://") {
			s = "mqtt://" + s
		}
		if rest := s[strings.Index(s, "://")+3:]; !strings.Contains(rest, ":") {
			s += map[bool]string{true: ":8883", false: ":1883"}[strings.HasPrefix(s, "mqtts://")]
		}
		i.sheet.Set("mqtt.url", text(s))
		i.sheet.Leave("mqtt.username") // of an answer before this one, as its secret
		i.sheet.Leave("mqtt.password")
		if err := i.wrong("mqtt"); err != nil {
			return err
		}
		user := ""
		if err := i.Ask("  As which user (none: without a name)", none, func(u string) error { user = u; return nil }); err != nil {
			return err
		}
		if user != none {
			i.sheet.Use("mqtt.username")
			i.sheet.Set("mqtt.username", text(user))
			if err := i.secret(brokerSecret, "  With which password", "", func(string) error { return nil }); err != nil {
				return err
			}
			if i.files[brokerSecret] != "" || i.There(brokerSecret) {
				i.sheet.Use("mqtt.password")
			}
		}
		t := i.Try(i.ctx, i.draft(), "broker")
		if err := twice.unless(s+" "+user, answered(t)); err != nil {
			return err
		}
		i.Say("  broker: %s", t.Says)
		i.broker = true
		return nil
	})
}

// candidate is a way in which a meter may speak on a serial port, and what it is called.
type candidate struct {
	driver string
	set    map[string]string
}

func candidates() []candidate {
	return []candidate{
		{driver: "modbus", set: map[string]string{"model": "sdm230"}},
		{driver: "modbus", set: map[string]string{"model": "pzem004t"}},
		{driver: "p1"},
		{driver: "sml"},
		{driver: "iec62056"},
		{driver: "linky"},
		{driver: "dlms"},
	}
}

// found is a meter that was found, and how the sheet is told of it.
type found struct {
	shows string
	into  func(*Sheet)
}

func (i *interview) meter() error {
	var all []found
	if i.broker {
		i.Say("Listening for meters on the broker ...")
		heard, err := i.Heard(i.ctx, i.draft())
		if err != nil {
			i.Say("  %v", err)
		}
		for _, h := range heard {
			all = append(all, found{h.Shows + ", " + h.Name + " on the broker", func(s *Sheet) {
				s.Choose("meter", "driver: mqtt")
				s.Set("meter.mqtt.kind", h.Kind)
				s.Set("meter.mqtt.topic", text(h.Name))
			}})
		}
	}
	return i.chooseMeter(all)
}

// search is the answer of who wants the serial ports to be asked for a meter; names of ports may follow.
const search = "search"

// usb tells whether a port is one of an adapter, which somebody has plugged in.
func usb(port string) bool {
	return strings.HasPrefix(port, "/dev/ttyUSB") || strings.HasPrefix(port, "/dev/ttyACM")
}

// onPorts asks serial ports for a meter: those that are named, or those of adapters.
func (i *interview) onPorts(named []string) ([]found, error) {
	ports := i.Ports()
	for _, p := range named {
		if !slices.Contains(ports, p) {
			return nil, fmt.Errorf("there is no %s; the serial ports are %s", p, strings.Join(ports, ", "))
		}
	}
	if len(named) == 0 {
		named = slices.DeleteFunc(slices.Clone(ports), func(p string) bool { return !usb(p) })
	}
	if len(named) == 0 {
		return nil, fmt.Errorf("no adapter is plugged in; name a port as in: search /dev/ttyS0 (there is %s)", strings.Join(ports, ", "))
	}
	var all []found
	for _, p := range named {
		i.Say("Looking on %s ...", p)
		for _, c := range candidates() {
			d := i.sheet.Copy()
			c.into(d, p)
			if t := i.Try(i.ctx, Draft{d.String(), i.files}, "meter"); t.Answers {
				all = append(all, found{t.Says, func(s *Sheet) { c.into(s, p) }})
				break
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing that I know speaks there; see to its wires and its power")
	}
	return all, nil
}

// list shows what was found.
func (i *interview) list(all []found) {
	for n, f := range all {
		i.Say("  %d: %s", n+1, f.shows)
	}
}

func (c candidate) into(s *Sheet, port string) {
	s.Choose("meter", "driver: "+c.driver)
	for key, value := range c.set {
		s.Set("meter."+c.driver+"."+key, value)
	}
	s.Set("meter."+c.driver+".port", port)
}

// way is a driver whose settings are asked for, and which meters it reads.
type way struct{ driver, shows string }

// asked are those; the others' settings are in the file to be written there.
func asked() []way {
	return []way{
		{"modbus", "a meter with RS-485 or Modbus TCP"},
		{"p1", "the P1 port of a smart meter"},
		{"sml", "an optical head on a meter that sends SML"},
		{"iec62056", "an optical head on a meter that is asked"},
		{"linky", "the customer's output of a Linky"},
		{"mqtt", "a plug or clamp on the broker"},
		{"http", "a plug or clamp that answers by HTTP"},
		{"pulse", "pulses on a GPIO line"},
	}
}

// names are the drivers' of ways.
func names(all []way) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.driver)
	}
	return out
}

// meters are the answers to which meter it is.
func meters(all []found) []Offer {
	var out []Offer
	for n, f := range all {
		out = append(out, Offer{strconv.Itoa(n + 1), f.shows})
	}
	for _, a := range asked() {
		out = append(out, Offer{a.driver, a.shows})
	}
	return append(out, Offer{search, "look for one on the serial ports, a minute each"})
}

func (i *interview) chooseMeter(all []found) error {
	i.list(all)
	usual := "modbus"
	switch {
	case len(all) > 0:
		usual = "1"
	case slices.ContainsFunc(i.Ports(), usb):
		usual = search
	}
	var twice again
	q := &Question{Text: "Which meter", Hint: strings.Join(names(asked()), ", ") + "; the number of one found; search: look on the serial ports, a minute each", Usual: usual, Offers: meters(all)}
	return i.Put(q, func(s string) error {
		if what, ports, _ := strings.Cut(s, " "); what == search {
			more, err := i.onPorts(strings.Fields(ports))
			if err != nil {
				return err
			}
			all = append(all, more...)
			i.list(all)
			q.Offers = meters(all)
			return fmt.Errorf("now choose one")
		}
		n, err := strconv.Atoi(s)
		answer := s
		switch {
		case err == nil && n >= 1 && n <= len(all):
			all[n-1].into(i.sheet)
		case err == nil || !slices.Contains(names(asked()), s):
			return fmt.Errorf("%q is none of them; \"docs/metering.md\" has more, to be written into the file afterwards", s)
		case s == "mqtt" && !i.broker:
			return fmt.Errorf("it needs a broker, and there is none")
		default:
			i.sheet.Choose("meter", "driver: "+s)
			for _, q := range i.ofDriver(s) {
				got := ""
				if err := i.Ask("  "+q.text, q.usual, func(v string) error {
					got = v
					i.sheet.Set("meter."+s+"."+q.key, q.as(v))
					return i.wrong("meter." + s + "." + q.key)
				}); err != nil {
					return err
				}
				answer += " " + got
			}
		}
		i.sheet.Set("meter.max_power", i.most)
		if err := i.wrong("meter"); err != nil {
			return err
		}
		t := i.Try(i.ctx, i.draft(), "meter")
		if err := twice.unless(answer, answered(t)); err != nil {
			return err
		}
		i.Say("  meter: %s", t.Says)
		return nil
	})
}

// detail is one setting of a driver.
type detail struct {
	key, text, usual string
	as               func(string) string
}

func (i *interview) ofDriver(driver string) []detail {
	port := "/dev/ttyUSB0"
	if p := i.Ports(); len(p) > 0 {
		port = p[0]
	}
	same := func(s string) string { return s }
	switch driver {
	case "modbus":
		return []detail{
			{"model", "Which model (sdm120, sdm220, sdm230, sdm630, pzem004t, ...)", "sdm230", text},
			{"port", "At which address, HOST:PORT, or on which serial port", port, text},
			{"unit", "Under which number on the line", "1", same},
		}
	case "mqtt":
		return []detail{
			{"kind", "Of which kind (tasmota, shelly, zigbee2mqtt, victron)", "tasmota", text},
			{"topic", "Under which name", "plug", text},
		}
	case "http":
		return []detail{
			{"kind", "Of which kind (homewizard-p1, shelly-em, ...: docs/metering.md)", "homewizard-p1", text},
			{"url", "At which address", "http://192.168.1.30", text},
		}
	case "pulse":
		return []detail{
			{"pin", "On which GPIO line", "GPIO24", text},
			{"pulses_per_kwh", "How many pulses a kWh (printed on the meter)", "1000", same},
			{"output", "From a contact or a light (s0, led)", "s0", text},
		}
	default:
		return []detail{{"port", "On which serial port, or HOST:PORT of a serial server", port, text}}
	}
}

func (i *interview) homeAssistant() error {
	if !i.broker {
		return nil
	}
	yes, err := i.yes("Shall Home Assistant find the site by itself", false)
	if err == nil && yes {
		i.sheet.Use("mqtt.homeassistant")
	}
	return err
}

func (i *interview) influx() error {
	var twice again
	return i.Ask("At which address is your InfluxDB, for charts of your own (none: without)", none, func(s string) error {
		delete(i.files, influxSecret) // of an answer before this one
		if s == none {
			i.sheet.Leave("influxdb")
			return nil
		}
		if !strings.Contains(s, "://") {
			s = "http://" + s
		}
		i.sheet.Use("influxdb")
		i.sheet.Set("influxdb.url", text(s))
		bucket := ""
		if err := i.Ask("  Into which bucket (InfluxDB 1.8: database/retention-policy)", "keeplit/autogen", func(b string) error {
			bucket = b
			i.sheet.Set("influxdb.bucket", text(b))
			return nil
		}); err != nil {
			return err
		}
		token := false
		if err := i.secret(influxSecret, "  With which token (InfluxDB 1.8: user:password; none: without)", none, func(v string) error {
			if v == none {
				delete(i.files, influxSecret)
			}
			return nil
		}); err != nil {
			return err
		}
		if _, token = i.files[influxSecret]; !token && !i.There(influxSecret) {
			i.sheet.Leave("influxdb.token")
		} else {
			i.sheet.Use("influxdb.token")
		}
		if err := i.wrong("influxdb"); err != nil {
			return err
		}
		t := i.Try(i.ctx, i.draft(), "influxdb")
		if err := twice.unless(s+" "+bucket+" "+i.files[influxSecret], answered(t)); err != nil {
			return err
		}
		i.Say("  influxdb: %s", t.Says)
		return nil
	})
}
