package homeassistant

import (
	"strconv"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// component is the description of one entity, or its platform alone: it is gone.
type component map[string]any

// list is the components under way.
type list struct {
	h  *Home
	of map[string]component
}

// add adds an entity of a topic.  Everything it is known by comes from its key, which is made of
// words of ours and of a load's id.
func (l list) add(key, platform, name, topic, template string, more component) {
	c := component{
		"platform": platform, "name": name, "unique_id": l.h.object() + "_" + key, "default_entity_id": platform + "." + slug(l.h.object()+"_"+key),
	}
	if !l.h.says(topic) {
		return
	}
	if topic != "" {
		c["state_topic"] = topic
	}
	if template != "" {
		c["value_template"] = template
	}
	for k, v := range more {
		c[k] = v
	}
	if of, _ := c["json_attributes_topic"].(string); !l.h.says(of) {
		delete(c, "json_attributes_topic")
		delete(c, "json_attributes_template")
	}
	l.of[key] = c
}

// says tells whether a topic is said to the broker.
func (h *Home) says(topic string) bool {
	if h.Shares == nil {
		return true
	}
	t := h.Topics
	for name, of := range map[string]string{"state": t.State(), "totals": t.Totals(), "plan": t.Plan(), "warnings": t.Warnings(), "event": t.Event()} {
		if topic == of {
			return h.Shares(name)
		}
	}
	for _, l := range h.Loads {
		if topic == t.LoadState(l.ID) {
			return h.Shares("load")
		}
	}
	return true
}

// attributes are further values of an entity, as a template that makes a JSON object.
func attributes(topic, template string) component {
	return component{"json_attributes_topic": topic, "json_attributes_template": template}
}

func with(c component, more component) component {
	for k, v := range more {
		c[k] = v
	}
	return c
}

// or is a template of a key that may be left out: "None" is unknown.
func or(key string) string { return "{{ value_json." + key + " | default(none) }}" }

// rounded is or of a number or of a decimal string, so that the recorder does not keep each
// millionth of it.
func rounded(key string, decimals int) string {
	return "{{ value_json." + key + " | float | round(" + strconv.Itoa(decimals) + ") if value_json." + key + " is defined else none }}"
}

func (h *Home) components() map[string]component {
	l := list{h, map[string]component{}}
	h.account(l)
	h.house(l)
	h.told(l)
	if h.Commands {
		h.orders(l)
	}
	for _, x := range h.Loads {
		h.load(l, x)
	}
	return l.of
}

// cents is a template of an amount, with as many decimals as the currency has, or two.
func (h *Home) cents(key string) string { return rounded(key, max(2, h.Decimals)) }

// money is how an amount of the account is shown.
func (h *Home) money() component {
	if h.InKWh {
		return component{"device_class": "energy_storage", "state_class": "measurement", "unit_of_measurement": "kWh", "suggested_display_precision": 2}
	}
	return component{"device_class": "monetary", "state_class": "total", "unit_of_measurement": h.Unit, "suggested_display_precision": h.Decimals}
}

// account is the credit, what it costs, and until when it lasts.
func (h *Home) account(l list) {
	state, totals := h.Topics.State(), h.Topics.Totals()
	l.add("balance", "sensor", h.Say("ha.balance"), state, h.cents("balance"), h.money())
	l.add("run_out", "sensor", h.Say("ha.run_out"), state, or("run_out"), with(component{"device_class": "timestamp"},
		attributes(state, "{{ {'p10': value_json.run_out_early | default(none), 'p90': value_json.run_out_late | default(none), 'beyond_forecast': value_json.beyond | default(false)} | tojson }}")))
	l.add("days_left", "sensor", h.Say("ha.days_left"), state, "{{ (value_json.hours_left / 24) | round(1) if value_json.hours_left is defined else none }}",
		component{"device_class": "duration", "state_class": "measurement", "unit_of_measurement": "d", "suggested_display_precision": 1})
	l.add("until", "sensor", h.Say("ha.until"), state, "{{ value_json.until.at if value_json.until is defined else none }}", with(component{"device_class": "timestamp"},
		attributes(state, "{{ {'lasts': value_json.until.lasts, 'sure': value_json.until.sure, 'buy': value_json.until.buy, 'says': value_json.until.says} | tojson if value_json.until is defined else '{}' }}")))
	l.add("pay", "sensor", h.Say("ha.pay"), state, h.cents("pay"), h.withoutClass())
	if !h.InKWh {
		cost := component{"last_reset_value_template": "{{ value_json.since }}"}
		l.add("cost", "sensor", h.Say("ha.cost"), totals, rounded("cost", 4), with(h.money(), cost))
		l.add("cost_fixed", "sensor", h.Say("ha.cost_fixed"), totals, rounded("cost_fixed", 4), with(h.money(), cost))
	}
}

// withoutClass is money that comes and goes: nothing is added up of it.
func (h *Home) withoutClass() component {
	c := h.money()
	delete(c, "state_class")
	return c
}

// house is supply, meter, prices and plan.
func (h *Home) house(l list) {
	state, totals, plan := h.Topics.State(), h.Topics.Totals(), h.Topics.Plan()
	l.add("supply", "sensor", h.Say("ha.supply"), state, "{{ value_json.supply or none }}", with(component{
		"device_class": "enum",
		"options":      []present.SupplyState{present.Connected, present.Disconnected, present.Ready, present.Unknown, present.Unswitched},
	}, attributes(state, "{{ {'cause': value_json.cause | default(none), 'says': value_json.why} | tojson }}")))
	l.add("supply_on", "binary_sensor", h.Say("ha.supply_on"), state, "{{ 'ON' if value_json.supply in ('connected', 'unswitched') else 'OFF' if value_json.supply in ('disconnected', 'ready') else none }}",
		component{"device_class": "power"})
	l.add("power", "sensor", h.Say("ha.power"), state, rounded("power_w", 0), with(component{"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W", "suggested_display_precision": 0},
		attributes(state, "{{ {'derived': value_json.power_derived | default(false)} | tojson }}")))
	energy := component{"device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh", "suggested_display_precision": 2}
	l.add("import", "sensor", h.Say("ha.import"), totals, rounded("import_kwh", 4), energy)
	l.add("export", "sensor", h.Say("ha.export"), totals, rounded("export_kwh", 4), energy)
	h.prices(l)
	l.add("plan", "sensor", h.Say("ha.plan"), plan, or("made_at"), with(component{"device_class": "timestamp", "entity_category": "diagnostic"},
		attributes(plan, "{{ {'cost': value_json.cost | float, 'cost_unshifted': value_json.cost_unshifted | float, 'shortfalls': value_json.shortfalls} | tojson }}")))
}

// prices are of the next kWh now and of the slots of the plan; an account in kWh has none.
func (h *Home) prices(l list) {
	if h.InKWh {
		return
	}
	state, plan := h.Topics.State(), h.Topics.Plan()
	l.add("price", "sensor", h.Say("ha.price"), state, "{{ value_json.price | float if value_json.price else none }}", with(component{
		"state_class": "measurement", "unit_of_measurement": h.Unit + "/kWh", "suggested_display_precision": 4,
	}, attributes(plan, "{% set ns = namespace(l=[]) %}{% for s in value_json.slots %}{% set ns.l = ns.l + [{'start': s.start, 'price': s.price | float}] %}{% endfor %}{{ {'prices': ns.l, 'slot_seconds': value_json.slots[0].seconds if value_json.slots else none} | tojson }}")))
	l.add("price_next", "sensor", h.Say("ha.price_next"), state, rounded("next_price", 4), with(component{
		"unit_of_measurement": h.Unit + "/kWh", "suggested_display_precision": 4,
	}, attributes(state, "{{ {'from': value_json.next_at | default(none)} | tojson }}")))
}

// told is what the agent tells: warnings, events, what became of a token.
func (h *Home) told(l list) {
	warnings := h.Topics.Warnings()
	l.add("warnings", "sensor", h.Say("ha.warnings"), warnings, "{{ value_json | count }}", with(component{"state_class": "measurement"},
		attributes(warnings, "{% set ns = namespace(l=[]) %}{% for w in value_json[:40] %}{% set ns.l = ns.l + [{'code': w.code, 'severity': w.severity, 'since': w.since, 'title': w.title}] %}{% endfor %}{{ {'warnings': ns.l} | tojson }}")))
	l.add("problem", "binary_sensor", h.Say("ha.problem"), warnings, "{{ 'ON' if value_json | selectattr('severity', 'in', ['serious', 'critical']) | list | count > 0 else 'OFF' }}",
		component{"device_class": "problem"})
	l.add("buy", "binary_sensor", h.Say("ha.buy"), warnings, "{{ 'ON' if value_json | selectattr('code', 'in', "+codes(health.BuyBefore, health.CreditEnds, health.CreditLow, health.CreditSpent, health.EmergencyInUse, health.EmergencyOffered)+") | list | count > 0 else 'OFF' }}",
		with(component{"device_class": "problem"}, attributes(warnings,
			"{% set ns = namespace(says=none) %}{% for w in value_json if w.code in "+codes(health.CreditSpent, health.EmergencyInUse, health.EmergencyOffered, health.BuyBefore, health.CreditEnds, health.CreditLow)+" %}{% if ns.says is none %}{% set ns.says = w.cause %}{% endif %}{% endfor %}{{ {'says': ns.says} | tojson }}")))
	severities := []string{health.Info.String(), health.Caution.String(), health.Serious.String(), health.Critical.String()}
	l.add("event", "event", h.Say("ha.event"), h.Topics.Event(), "{{ {'event_type': value_json.severity, 'code': value_json.code, 'text': value_json.text, 'at': value_json.at, 'id': value_json.id} | tojson }}",
		component{"event_types": severities, "qos": 1})
	l.add("token_result", "sensor", h.Say("ha.token_result"), h.Topics.TokenResult(), "{{ value_json.text[:250] }}", with(component{"qos": 1, "force_update": true},
		attributes(h.Topics.TokenResult(), "{{ {'result': value_json.result, 'bought': value_json.bought | default(none), 'balance': value_json.balance, 'at': value_json.at} | tojson }}")))
}

// codes is a list of codes, as a template has it.
func codes(all ...health.Code) string {
	text := "["
	for i, c := range all {
		if i > 0 {
			text += ", "
		}
		text += "'" + string(c) + "'"
	}
	return text + "]"
}

// orders is what the agent takes over MQTT anyway, of whoever may write to its topics.
func (h *Home) orders(l list) {
	// The field is emptied by the answer: a token has no business in Home Assistant's history.
	l.add("token", "text", h.Say("ha.token"), h.Topics.TokenResult(), "{{ '' }}", component{
		"command_topic": h.Topics.Token(), "mode": "password", "min": 0, "max": 255, "qos": 1, "retain": false,
	})
	l.add("last_until", "text", h.Say("ha.last_until"), h.Topics.State(), "{{ value_json.until.at if value_json.until is defined else 'off' }}", component{
		"command_topic": h.Topics.Until(), "min": 1, "max": 40, "retain": false,
	})
	if h.Switched {
		l.add("reconnect", "button", h.Say("ha.reconnect"), "", "", component{
			"command_topic": h.Topics.Reconnect(), "payload_press": "close", "retain": false, "enabled_by_default": false,
		})
	}
}

// load is one load: what it does, what it draws, what it has used, and a person's word about it.
func (h *Home) load(l list, x Load) {
	key, name, topic := "load_"+underscored(x.ID)+"_", plain(x.Name, x.ID), h.Topics.LoadState(x.ID)
	class := "" // of the configuration, which has checked its letters
	if x.Class != "" {
		class = ", 'class': '" + x.Class + "'"
	}
	l.add(key+"state", "sensor", name, topic, "{{ value_json.state }}", with(component{
		"device_class": "enum",
		"options":      []present.LoadState{present.LoadOff, present.LoadWaiting, present.LoadRunning, present.LoadDone, present.LoadSkipped, present.LoadShed, present.LoadFault},
	}, attributes(topic, "{{ {'why': value_json.why | default(none)"+class+"} | tojson }}")))
	l.add(key+"on", "binary_sensor", name+" "+h.Say("ha.load.on"), topic, "{{ 'ON' if value_json.on else 'OFF' }}", component{"device_class": "running"})
	l.add(key+"power", "sensor", name+" "+h.Say("ha.load.power"), topic, rounded("power_w", 0), with(component{
		"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W", "suggested_display_precision": 0,
	}, attributes(topic, "{{ {'rated': value_json.rated | default(false), 'told_w': value_json.told_w | default(none)} | tojson }}")))
	l.add(key+"energy", "sensor", name+" "+h.Say("ha.load.energy"), h.Topics.Totals(), "{% set l = value_json.loads | selectattr('id', 'eq', '"+x.ID+"') | list %}{{ l[0].kwh | round(4) if l else none }}",
		component{"device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh", "suggested_display_precision": 2})
	if h.Commands && !x.Measured {
		l.add(key+"order", "select", name+" "+h.Say("ha.load.order"), topic, "{{ value_json.override | default('auto') }}", component{
			"command_topic": h.Topics.LoadSet(x.ID), "options": []string{"auto", "run", "skip"}, "retain": false,
		})
	}
}
