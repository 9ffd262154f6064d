package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Each value of a description is shown as it came and as what it is taken for, the
// absent ones with the reason, and none of what the meter is given as proof.
func TestEachValueOfAMeterIsShown(t *testing.T) {
	t.Parallel()
	page := `{"total":"412345.5","p":-1.25,"u":null,"word":"hunter2","n":"SN-1"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }))
	t.Cleanup(s.Close)
	show := func(more string, args ...string) (string, string, int) {
		folder := t.TempDir()
		for name, text := range map[string]string{
			"password": "hunter2\n",
			"key":      "bc41ec9530f6dac86b1a29ab82edc5fb\n",
			"keeplit.yaml": "site: {id: here, meter: \"1\", zone: America/Toronto}\ntariff: {catalogue: ca-on-tiered}\ntokens: {openpaygo: {key: {file: key}, starting_code: 516959010, unit: money, value_divider: 100}}\nmeter:\n  driver: http\n  every: 200ms\n  http:\n    url: " + s.URL + "\n    username: me\n    password: {file: password}\n" +
				"    import: {path: total, unit: Wh}\n    power: {path: p, unit: kW, factor: \"-1\"}\n    device: n\n" + more,
		} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return agentOn(t, "", append([]string{"meter", "values", filepath.Join(folder, "keeplit.yaml"), "--for", "2s"}, args...)...)
	}
	for _, c := range []struct {
		situation, more string
		args            []string
		code            int
		want            []string
	}{
		{"all of it", "", nil, exitOK, []string{"answers", "412345.5", "Wh", "412.345500 kWh", "x -1 kW", "1250.000 W", "A reading has:", "power   1250 W", "device  SN-1"}},
		{"one that may be absent", "    voltage: {path: u, optional: true}\n", nil, exitOK, []string{"nothing: u is null, and may be (optional)", "A reading has:"}},
		{"one that is not there", "    voltage: {path: uu}\n", nil, exitInvalid, []string{"wrong", "412.345500 kWh", "nothing: ", "uu", "next: "}},
		{"a text that is a secret", "    voltage: {path: word}\n", nil, exitInvalid, []string{"nothing: word is \"***\""}},
		{"as JSON", "", []string{"--json"}, exitOK, []string{`"name":"import","where":"total","came":"412345.5","makes":"Wh","taken":"412.345500 kWh"`, `"answer":"answers"`}},
	} {
		stdout, stderr, code := show(c.more, c.args...)
		if code != c.code || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%s: exit code %d\n%s%s", c.situation, code, stdout, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is not in\n%s%s", c.situation, want, stdout, stderr)
			}
		}
	}
}

// registers is a Modbus TCP meter with these holding registers; it knows no other function.
func registers(t *testing.T, table map[int]uint16) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { _ = l.Close() })
	answer := func(q []byte) []byte {
		from, n := int(binary.BigEndian.Uint16(q[8:])), int(binary.BigEndian.Uint16(q[10:]))
		if q[7] != 3 {
			return []byte{q[7] | 0x80, 1}
		}
		out := []byte{3, byte(2 * n)}
		for at := from; at < from+n; at++ {
			w, ok := table[at]
			if !ok {
				return []byte{0x83, 2}
			}
			out = binary.BigEndian.AppendUint16(out, w)
		}
		return out
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				for q := make([]byte, 12); ; {
					if _, err := io.ReadFull(c, q); err != nil {
						return
					}
					pdu := answer(q)
					head := append(append([]byte{}, q[:4]...), 0, byte(len(pdu)+1), q[6])
					if _, err := c.Write(append(head, pdu...)); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// A register that is refused, and words in another order, are said with what to do: for the
// meter as a whole and for a value that may be absent.
func TestARegisterOfAMapThatIsNotRightSaysWhatToTry(t *testing.T) {
	t.Parallel()
	address := registers(t, map[int]uint16{
		0: 0x8000, 1: 0x44BB, // 1500 as float32, the low word first
		2: 0, 3: 500, 4: 1000, 10: 0, 11: 0, 12: 0x7000, 13: 0x40C3, // 10000.0... as float64, the low word first
	})
	for _, c := range []struct {
		situation, rows string
		code            int
		want            []string
	}{
		{"all of it is right", "{value: import, register: 2, table: holding, type: uint32}, {value: power, register: 4, table: holding, type: int16}", exitOK, []string{"answers", "500 kWh"}},
		{"the other table", "{value: import, register: 2, type: uint32}", exitInvalid, []string{"nothing: exception 1, illegal function", "next: of a generic meter write table: holding (function 3)"}},
		{"the number of a list that counts from 1", "{value: import, register: 40003, table: holding, type: uint32}", exitInvalid, []string{"nothing: exception 2, illegal register", "next: of a generic meter compare register with the maker's list: one that counts from 1"}},
		{"a value that may be absent", "{value: import, register: 2, table: holding, type: uint32}, {value: power, register: 4, table: holding, type: int16}, {value: voltage, register: 99, table: holding, type: int16}", exitOK, []string{"answers", "nothing: exception 2, illegal register", "next: voltage: of a generic meter compare register"}},
		{"float32 in another order", "{value: power, register: 0, table: holding, type: float32}", exitInvalid, []string{"nothing: -2.4655846e-41 is nothing that anybody measures; with words: low_first it would be 1500 W", "next: with words: low_first it would be 1500 W"}},
		{"float64 in another order", "{value: import, register: 10, table: holding, type: float64}", exitInvalid, []string{"is nothing that anybody measures", "next: with words: low_first it would be 9952 kWh"}},
		{"an integer in another order", "{value: import, register: 2, table: holding, type: uint32, words: low_first}", exitInvalid, []string{"its words or bytes seem to be the other way round", "next: with words: high_first it would be 500 kWh"}},
	} {
		folder := t.TempDir()
		for name, text := range map[string]string{
			"key": "bc41ec9530f6dac86b1a29ab82edc5fb\n",
			"keeplit.yaml": "site: {id: here, meter: \"1\", zone: America/Toronto}\ntariff: {catalogue: ca-on-tiered}\ntokens: {openpaygo: {key: {file: key}, starting_code: 516959010, unit: money, value_divider: 100}}\n" +
				"meter: {driver: modbus, every: 200ms, modbus: {model: generic, port: \"" + address + "\", map: [" + c.rows + "]}}\n",
		} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"meter", "values", filepath.Join(folder, "keeplit.yaml"), "--for", "600ms"}, {"check", filepath.Join(folder, "keeplit.yaml"), "--try", "--wait", "600ms"}} {
			if args[0] == "check" && c.situation != "the other table" {
				continue
			}
			stdout, stderr, code := agentOn(t, "", args...)
			if code != c.code {
				t.Errorf("%s: %s ends with %d\n%s%s", c.situation, args[0], code, stdout, stderr)
			}
			for _, want := range c.want {
				if (args[0] == "meter" || strings.HasPrefix(want, "next: ") && code != exitOK) && !strings.Contains(stdout, want) {
					t.Errorf("%s: %s does not say %q:\n%s%s", c.situation, args[0], want, stdout, stderr)
				}
			}
		}
	}
}
