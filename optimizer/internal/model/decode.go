package model

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/keeplit/keeplit/internal/fault"
)

// InstanceFormat and PlanFormat name the two JSON documents this package reads
// and writes.
const (
	InstanceFormat = "dsbench/1"
	PlanFormat     = "dsbench-plan/1"
)

// ReadInstance reads a Problem from its JSON document and checks it.  The
// error is a fault.List where the document was read and does not make sense.
func ReadInstance(r io.Reader) (Problem, error) {
	var doc struct {
		Format string `json:"format"`
		Problem
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return Problem{}, fmt.Errorf("reading the instance: %w", err)
	}
	if doc.Format != InstanceFormat {
		var l fault.List
		l.Add("format", "write "+InstanceFormat, "%q is not a known format", doc.Format)
		return Problem{}, l
	}
	p := doc.Problem
	return p, p.Check().Err()
}

// MarshalJSON writes a one-element Series as a number.
func (s Series) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0])
	}
	return json.Marshal([]float64(s))
}

// UnmarshalJSON reads an array or a number.
func (s *Series) UnmarshalJSON(b []byte) error {
	var x float64
	if err := json.Unmarshal(b, &x); err == nil {
		*s = Series{x}
		return nil
	}
	return json.Unmarshal(b, (*[]float64)(s))
}

// MarshalJSON writes 0 or 1.
func (b OnBit) MarshalJSON() ([]byte, error) {
	if b {
		return []byte("1"), nil
	}
	return []byte("0"), nil
}

// UnmarshalJSON reads 0, 1, false or true.
func (b *OnBit) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "0", "false":
		*b = false
	case "1", "true":
		*b = true
	default:
		return fmt.Errorf("%s is neither 0 nor 1", raw)
	}
	return nil
}

// loadHead is what loads of every type have in JSON.
type loadHead struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Priority int       `json:"priority,omitempty"`
	PriceCap float64   `json:"price_cap,omitempty"`
	Deadline *Deadline `json:"deadline,omitempty"`
	SlotCost []float64 `json:"slot_cost,omitempty"`
}

// UnmarshalJSON reads a load; its member "type" says which kind it is.
func (l *Load) UnmarshalJSON(b []byte) error {
	var h loadHead
	if err := json.Unmarshal(b, &h); err != nil {
		return err
	}
	*l = Load{ID: h.ID, Priority: h.Priority, PriceCap: h.PriceCap, Deadline: h.Deadline, SlotCost: h.SlotCost}
	switch h.Type {
	case "cycle":
		l.Cycle = new(Cycle)
		return json.Unmarshal(b, l.Cycle)
	case "onoff":
		l.OnOff = new(OnOff)
		return json.Unmarshal(b, l.OnOff)
	case "var":
		l.Variable = new(Variable)
		return json.Unmarshal(b, l.Variable)
	case "thermal":
		l.Thermal = new(Thermal)
		return json.Unmarshal(b, l.Thermal)
	}
	return fmt.Errorf("load %q: %q is not a type of load (cycle, onoff, var, thermal)", h.ID, h.Type)
}

// MarshalJSON writes a load the way UnmarshalJSON reads it.
func (l Load) MarshalJSON() ([]byte, error) {
	h := loadHead{ID: l.ID, Type: l.kind(), Priority: l.Priority, PriceCap: l.PriceCap, Deadline: l.Deadline, SlotCost: l.SlotCost}
	switch {
	case l.Cycle != nil:
		return json.Marshal(struct {
			loadHead
			*Cycle
		}{h, l.Cycle})
	case l.OnOff != nil:
		return json.Marshal(struct {
			loadHead
			*OnOff
		}{h, l.OnOff})
	case l.Variable != nil:
		return json.Marshal(struct {
			loadHead
			*Variable
		}{h, l.Variable})
	case l.Thermal != nil:
		return json.Marshal(struct {
			loadHead
			*Thermal
		}{h, l.Thermal})
	}
	return nil, fmt.Errorf("load %q has no model", l.ID)
}

// kind is the load's type as written in JSON.
func (l *Load) kind() string {
	switch {
	case l.Cycle != nil:
		return "cycle"
	case l.OnOff != nil:
		return "onoff"
	case l.Variable != nil:
		return "var"
	case l.Thermal != nil:
		return "thermal"
	}
	return ""
}

// WritePlan writes a plan's JSON document.
func WritePlan(w io.Writer, plan *Plan) error {
	return json.NewEncoder(w).Encode(plan)
}

// ReadPlan reads a plan's JSON document, e.g. the plan in force.
func ReadPlan(r io.Reader) (*Plan, error) {
	var plan Plan
	if err := json.NewDecoder(r).Decode(&plan); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	if plan.Format != PlanFormat {
		return nil, fmt.Errorf("reading the plan: format %q is not %s", plan.Format, PlanFormat)
	}
	return &plan, nil
}
