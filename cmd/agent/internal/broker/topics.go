package broker

import "strings"

// Topics are the names under which a site speaks, all below "keeplit/<site>/".
//
//	status                 retained  "online" or "offline" (the broker says so when the agent vanishes)
//	state                  retained  JSON: the report of now
//	totals                 retained  JSON: what only grows, as it is stored
//	plan                   retained  JSON: the plan in force
//	ledger                 QoS 1     JSON: one ledger entry a message, from the outbox; drop a "seq" met before
//	event                  QoS 1     JSON: one event a message, from the outbox; drop an "id" met before
//	warnings               retained  JSON: the warnings in force
//	token                  in        a token to enter: its digits as text
//	token/result           QoS 1     JSON: what became of a token entered
//	load/<name>/set        in        an order: "run", "skip" or "auto", alone or as JSON with its time
//	load/<name>/state      retained  JSON: the load's state
//	until/set              in        an order: until when the credit is to last, such as "Fri 18:00", or "off"
//	meter/reading          in        what the utility's meter shows, in kWh: "412.3" as an order, or JSON with its time
//	limit/set              in        an order: the most that may be drawn, such as "4.2 kW", "none", or "alive"
//	supply/reconnect       in        an order: "close" the supply where it is ready, or "open" it
//	prices                 in        JSON: the energy prices ahead; retained ones are taken too
//	policy/ack             QoS 1     an acknowledgement, signed
//	policy/readings        QoS 1     readings that a utility has asked for, signed
//	policy/state           retained  JSON: what is known of the utility's word
//
// What a utility signs for a site or a group is below "keeplit-policy/": see PolicyKeys
// and PolicyStream.
//
// A retained message on another inward topic is ignored: it would be obeyed
// again at every start.
type Topics struct{ base string }

// NewTopics are the topics of a site.  What MQTT reserves in the site's name is
// replaced by "_".
func NewTopics(site string) Topics { return Topics{"keeplit/" + Level(site)} }

// Level makes name fit to be one level of a topic.
func Level(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/', r == '+', r == '#', r < ' ', r == 0x7f, r == 0xfffd:
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if name == "" || name[0] == '$' {
		return "_" + strings.TrimPrefix(name, "$")
	}
	return name
}

// Status is where the site says "online" and "offline".
func (t Topics) Status() string { return t.base + "/status" }

// State is where the report of now is.
func (t Topics) State() string { return t.base + "/state" }

// Totals is where what only grows is.
func (t Topics) Totals() string { return t.base + "/totals" }

// Plan is where the plan in force is.
func (t Topics) Plan() string { return t.base + "/plan" }

// Ledger is where each ledger entry is sent.
func (t Topics) Ledger() string { return t.base + "/ledger" }

// Event is where each event is sent.
func (t Topics) Event() string { return t.base + "/event" }

// Warnings is where the warnings in force are.
func (t Topics) Warnings() string { return t.base + "/warnings" }

// Alert is where people are told what is wrong, once a cause.
func (t Topics) Alert() string { return t.base + "/alert" }

// Token is where a token is entered.
func (t Topics) Token() string { return t.base + "/token" }

// TokenResult is where the site says what became of a token.
func (t Topics) TokenResult() string { return t.base + "/token/result" }

// LoadSet is where a load is told what to do.
func (t Topics) LoadSet(name string) string { return t.base + "/load/" + Level(name) + "/set" }

// LoadState is where a load's state is.
func (t Topics) LoadState(name string) string { return t.base + "/load/" + Level(name) + "/state" }

// Reconnect is where a supply that is ready is told to close.
func (t Topics) Reconnect() string { return t.base + "/supply/reconnect" }

// Until is where it is said how long the credit is to last.
func (t Topics) Until() string { return t.base + "/until/set" }

// Expect is where it is told that nobody is there, that guests are, or that something is used on top.
func (t Topics) Expect() string { return t.base + "/expect/set" }

// Outages is where the times without mains are sent that are announced.
func (t Topics) Outages() string { return t.base + "/outages" }

// MeterReading is where it is told what the utility's meter shows.
func (t Topics) MeterReading() string { return t.base + "/meter/reading" }

// Limit is where the household says how much may be drawn.
func (t Topics) Limit() string { return t.base + "/limit/set" }

// Prices is where the energy prices ahead are sent to.
func (t Topics) Prices() string { return t.base + "/prices" }

// PolicyAck is where a site acknowledges what its utility has signed.
func (t Topics) PolicyAck() string { return t.base + "/policy/ack" }

// PolicyReadings is where a site sends readings that its utility has asked for.
func (t Topics) PolicyReadings() string { return t.base + "/policy/readings" }

// PolicyState is where it says what it has of its utility's word.
func (t Topics) PolicyState() string { return t.base + "/policy/state" }

// policyBase is what the topics of utilities are below: they are of many sites.
const policyBase = "keeplit-policy/"

// PolicyKeys is where a utility's key sets are.
func PolicyKeys(issuer string) string { return policyBase + "keys/" + Level(issuer) }

// PolicyStream is where a stream of an audience ("site:<id>", "group:<id>") is.
func PolicyStream(audience, stream string) string {
	kind, id, _ := strings.Cut(audience, ":")
	return policyBase + Level(kind) + "/" + Level(id) + "/" + Level(stream)
}

// LoadSets is the filter of the commands to all loads.
func (t Topics) LoadSets() string { return t.base + "/load/+/set" }

// LoadOf is the load that a topic under LoadSets names.
func (t Topics) LoadOf(topic string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(topic, t.base+"/load/")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(rest, "/set")
	return name, ok && name != "" && !strings.Contains(name, "/")
}

// match tells whether a topic falls under a filter.
func match(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") != strings.HasPrefix(filter, "$") {
		return false // wildcards at the front do not reach the broker's own topics
	}
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, trest, tmore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !fmore && !tmore:
			return true
		case fmore && !tmore:
			return frest == "#" // "a/#" includes "a"
		case !fmore:
			return false
		}
		filter, topic = frest, trest
	}
}

// checkFilter tells whether a filter is well formed.
func checkFilter(filter string) bool {
	if filter == "" || len(filter) > 65535 || strings.ContainsRune(filter, 0) {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) {
			return false
		}
		if strings.Contains(l, "+") && l != "+" {
			return false
		}
	}
	return true
}

// checkTopic tells whether a topic can be published to.
func checkTopic(topic string) bool {
	return topic != "" && len(topic) <= 65535 && !strings.ContainsAny(topic, "+#\x00")
}
