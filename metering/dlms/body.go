package dlms

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/obis"
)

// notificationTag is that of a data-notification.
const notificationTag = 0x0F

// body reads what a notification carries.
type body struct {
	c           obis.Collector
	dialect     obis.Dialect
	maker, last maker // of this telegram, and of those before
	transformer bool
	threeWire   bool // it has no neutral: what it tells of the second phase is not measured
	values      int  // that have a code
	within      bool // the list that is read lies within another
	err         error
}

// notification reads a data-notification: its number, the time, and one value.
func (b *body) notification(data []byte) error {
	p := parser{rest: data}
	if _, err := p.take(5); err != nil {
		return err
	}
	at, err := p.noticeTime()
	if err != nil {
		return err
	}
	v, err := p.value(0)
	if err != nil {
		return err
	}
	if len(p.rest) > 0 {
		return fmt.Errorf("%d bytes after the end", len(p.rest))
	}
	if !v.list() {
		return errors.New("it holds no list of values")
	}
	b.look(v)
	if b.maker == unknown {
		b.maker = b.last
	}
	b.time(at)
	b.list(v)
	if b.err != nil {
		return b.err
	}
	if b.values == 0 {
		return fmt.Errorf("a list of %d values without codes (%s) that is not known", len(v.kids), kinds(v.kids))
	}
	return nil
}

// noticeTime reads the time of a notification, an octet string whose tag most meters leave
// out; it is nil where none is told.
func (p *parser) noticeTime() ([]byte, error) {
	tag, err := p.take(1)
	if err != nil {
		return nil, err
	}
	switch tag[0] {
	case tagNull:
		return nil, nil
	case tagOctets:
		n, err := p.length()
		if err != nil || n == 0 {
			return nil, err
		}
		if n != clockLen {
			return nil, fmt.Errorf("a time of %d bytes", n)
		}
	case clockLen, tagDateTime:
	default:
		return nil, fmt.Errorf("%02X where the time belongs", tag[0])
	}
	return p.take(clockLen)
}

// look finds the maker in the texts, before any number is read.
func (b *body) look(v value) {
	if v.text() && len(v.b) > 0 {
		text := string(v.b)
		if b.maker == unknown {
			b.maker = makerOf(text)
		}
		if swedish, transformer := kamstrupType(text); b.maker == kamstrup {
			b.transformer = b.transformer || transformer
			if swedish {
				b.maker = kamstrupSE
			}
		}
		b.threeWire = b.threeWire || strings.HasPrefix(text, "MA304H3") || strings.HasPrefix(text, "MA304T3") || strings.HasPrefix(text, "ZFF")
	}
	for _, kid := range v.kids {
		b.look(kid)
	}
}

// time takes a clock; the first that can be believed counts.
func (b *body) time(at []byte) {
	if t, ok := clock(at); ok && b.c.Telegram().Time.IsZero() && (b.maker != aidon || at[9] != 0 || at[10] != 0) {
		b.c.Telegram().Time = t
	}
}

// list reads the values of a list, whatever is their order: with codes beside them, with
// codes in a list of their own before them, or without.
func (b *body) list(v value) {
	if len(v.kids) > 0 && pushList(v.kids[0]) {
		b.pushed(v.kids)
		return
	}
	if f, ok := b.maker.formOf(v.kids); ok && (!b.within || len(v.kids) > 1) { // a number alone within something may be anything
		b.maker = f.of
		b.formed(f, v.kids)
		return
	}
	for i := 0; i < len(v.kids); i++ {
		kid := v.kids[i]
		if code, ok := codeOf(kid); ok && i+1 < len(v.kids) {
			v, scale, rest := v.kids[i+1], value{}, v.kids[i+2:]
			i++
			if len(rest) > 0 && scaled(rest[0]) {
				scale = rest[0]
				i++
			}
			b.value(code, v, scale)
			continue
		}
		if kid.list() {
			within := b.within
			b.within = true
			b.list(kid)
			b.within = within
		}
	}
	b.loose(v.kids)
}

// loose keeps texts that have no code: of a list that has codes the version stands first,
// and the meter's number, where it is told so, last.
func (b *body) loose(list []value) {
	for i, kid := range list {
		if !kid.text() || i > 0 && codeIs(list[i-1]) || codeIs(kid) {
			continue
		}
		switch {
		case i == 0 && len(kid.b) != clockLen:
			b.c.Text("list", printable(kid.b))
		case i == 0:
			b.time(kid.b)
		case i == len(list)-1 && len(kid.b) >= 4:
			b.c.Text("meter", printable(kid.b))
			b.c.Meter(printable(kid.b))
		}
	}
}

// codeOf reads an OBIS code, an octet string of six.
func codeOf(v value) (obis.Code, bool) {
	if v.tag != tagOctets || len(v.b) != 6 {
		return obis.Code{}, false
	}
	return obis.Code{A: v.b[0], B: v.b[1], C: v.b[2], D: v.b[3], E: v.b[4], F: v.b[5]}, true
}

func codeIs(v value) bool {
	_, ok := codeOf(v)
	return ok
}

// scaled tells a scaler and a unit from any other list.
func scaled(v value) bool {
	return v.tag == tagStructure && len(v.kids) == 2 && v.kids[0].tag == tagInt8 && v.kids[1].tag == tagEnum
}

// pushList tells the list of what is pushed, which some meters send before the values: of
// each class, code, attribute and index.
func pushList(v value) bool {
	if !v.list() || len(v.kids) == 0 {
		return false
	}
	for _, kid := range v.kids {
		if kid.tag != tagStructure || len(kid.kids) != 4 || kid.kids[0].tag != tagUint16 || !codeIs(kid.kids[1]) || kid.kids[2].tag != tagInt8 {
			return false
		}
	}
	return true
}

// What attributes of an object are.
const (
	attributeValue  = 2
	attributeScaler = 3
	classPush       = 40
)

// pushed reads values whose codes stand in the first of them.
func (b *body) pushed(list []value) {
	objects := list[0].kids
	if len(objects) != len(list) {
		b.err = fmt.Errorf("%d values, and a list of %d that are pushed", len(list), len(objects))
		return
	}
	if b.maker == unknown {
		b.maker = landis // and what Iskra pushes has the same units
	}
	of := func(i int) (class int64, code obis.Code, attribute int64) {
		k := objects[i].kids
		class, _ = k[0].integer()
		code, _ = codeOf(k[1])
		attribute, _ = k[2].integer()
		return class, code, attribute
	}
	scales := map[obis.Code]value{}
	for i := 1; i < len(list); i++ {
		if _, code, attribute := of(i); attribute == attributeScaler && scaled(list[i]) {
			scales[code] = list[i]
		}
	}
	for i := 1; i < len(list); i++ {
		if class, code, attribute := of(i); attribute == attributeValue && class != classPush {
			b.value(code, list[i], scales[code])
		}
	}
}

// formed reads a list whose order is known.
func (b *body) formed(f form, list []value) {
	for i, name := range strings.Fields(f.names) {
		v := list[i]
		switch name {
		case "-":
		case "id":
			b.c.Text("meter", printable(v.b))
			b.c.Meter(printable(v.b))
		case "type":
			b.c.Text("type", printable(v.b))
		case "clock":
			b.time(v.b)
		default:
			code, _ := obis.Parse([]byte(name))
			code.Short = false
			b.value(code, v, value{})
		}
	}
}

// value takes one value under its code.  scale is its scaler and unit, where it has one.
func (b *body) value(code obis.Code, v, scale value) {
	name := code.String()
	b.values++
	switch {
	case v.text() && code.C == 1 && code.D == 0 && code.E == 0 && code.A == 0:
		b.time(v.b)
		b.c.Text(name, strings.ToUpper(hex.EncodeToString(v.b)))
	case v.tag == tagDateTime:
		b.time(v.b)
	case v.text():
		text := printable(v.b)
		b.c.Text(name, text)
		if identifies(code) && text != "" {
			b.c.Meter(text)
		}
	case v.tag == tagNull, v.tag == tagDontCare, v.list():
		// nothing is told; a phase that is not there, say
	case v.tag == tagBoolean:
		b.c.Text(name, strconv.FormatBool(v.b[0] != 0))
	default:
		b.number(code, name, v, scale)
	}
}

// identifies tells whether a code is of the meter's identity: its number, its logical
// name, or that on the grid's delivery point.
func identifies(c obis.Code) bool {
	switch {
	case c.A == 0 && c.C == 96 && c.D == 1 && c.E == 0, c.A == 0 && c.C == 42 && c.D == 0:
		return true
	}
	return c.A == 1 && c.C == 0 && c.D == 0 && c.E == 5
}

func (b *body) number(code obis.Code, name string, v, scale value) {
	if f, ok := v.float(); ok || v.tag == tagFloat32 || v.tag == tagFloat64 {
		if !ok || f > 1e12 || f < -1e12 {
			b.c.Text(name, "not available")
			return
		}
		exponent, unit, told := b.unit(code, 0, scale)
		if told && exponent == 0 {
			b.c.Number(name, code, strconv.FormatFloat(f, 'f', 3, 64), unit)
			return
		}
		b.c.Text(name, strconv.FormatFloat(f, 'g', 7, 64))
		return
	}
	n, ok := v.integer()
	switch {
	case !ok:
		b.c.Text(name, strings.ToUpper(hex.EncodeToString(v.b)))
		return
	case nothing(v):
		b.c.Text(name, "not available")
		return
	case b.threeWire && n == 0 && (code.C == 51 || code.C == 52) && code.D == 7:
		b.c.Text(name, "not measured")
		return
	}
	exponent, unit, told := b.unit(code, n, scale)
	if !told {
		b.c.Text(name, strconv.FormatInt(n, 10))
		if quantity(code) == 'e' && b.err == nil && code.A == 1 {
			b.err = errUnit
		}
		return
	}
	if exponent < -9 || exponent > 9 {
		b.err = fmt.Errorf("%s has a scale of 10^%d", name, exponent)
		return
	}
	if unit == "Wh" && exponent > 0 && exponent <= 3 { // so that the step is that of the meter
		unit, exponent = "kWh", exponent-3
	}
	b.c.Number(name, code, obis.Decimal(n, exponent), unit)
}

// errUnit is an energy of which nobody knows what it is counted in.
var errUnit = errors.New("it tells energy without a unit, and its maker is not known")

// unit is what a number is counted in: as told, or by the maker's convention.
func (b *body) unit(code obis.Code, n int64, scale value) (exponent int, unit string, ok bool) {
	if scale.list() {
		e, _ := scale.kids[0].integer()
		u, _ := scale.kids[1].integer()
		return int(e), obis.Unit(u), true
	}
	if code.A != 1 {
		return 0, "", true
	}
	q := quantity(code)
	if q == 0 {
		return 0, "", true
	}
	if exponent, unit, ok = b.maker.unitOf(q, n, b.transformer); !ok && q == 'e' && b.dialect.Factored() {
		return 0, "Wh", true
	}
	return exponent, unit, ok
}

// nothing tells whether a number says that there is none: of four bytes and more the
// greatest without a sign, and the least with one.
func nothing(v value) bool {
	switch v.tag {
	case tagUint32, tagUint64, tagUint16:
		return bytes.Count(v.b, []byte{0xFF}) == len(v.b)
	case tagInt16, tagInt32, tagInt64:
		return v.b[0] == 0x80 && bytes.Count(v.b[1:], []byte{0}) == len(v.b)-1
	}
	return false
}

// printable is text as it stands, without the zeros that fill it up; anything else in
// hexadecimal.
func printable(b []byte) string {
	b = bytes.TrimRight(b[:min(len(b), 256)], "\x00")
	for _, c := range b {
		if c < ' ' || c > '~' {
			return strings.ToUpper(hex.EncodeToString(b))
		}
	}
	return string(b)
}

// done is the telegram, complete and checked.
func (b *body) done() (metering.Telegram, error) {
	t, err := b.c.Done(op)
	if err == nil && t.Sample.Has == 0 {
		err = metering.Fail(metering.UnknownReply, op, "name the codes in the configuration (obis:), if one of them is a power or a register", "it tells nothing of the electricity: %s", names(t.Raw))
	}
	return t, err
}

// names are those of a few values.
func names(raw []metering.RawValue) string {
	var out []string
	for _, v := range raw[:min(len(raw), 6)] {
		out = append(out, v.Name)
	}
	return strings.Join(out, " ")
}
