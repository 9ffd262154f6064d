// Package docs_test runs what the documents tell people to type, line by line, in a home of its own: the
// program is the real one, and so are the agent that it starts and its broker; what is the system's has a stand-in.
package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

// walk is how one document is gone through.
type walk struct {
	in    string            // the folder in the home; else an empty one
	needs string            // a program of the system's: without it the document is skipped, and CI fails
	files map[string]string // that are there before
	words map[string]string // what stands for a word in capitals
	lines []how
}

// how is what belongs to the lines that begin so, besides running them.
type how struct {
	begins  string
	needs   string // a program: without it the line is left out, and CI fails
	before  func(p *place, dir string)
	typed   string            // what a person answers
	instead string            // run in its place, by words that are exchanged: OLD=NEW
	fails   bool              // it ends with a fault
	either  bool              // or not
	says    string            // must be in what it prints
	until   string            // it goes on; it is ended when it has said this
	takes   map[string]string // words for the lines behind it, found in what it prints
	then    string            // run behind it
}

// What is run elsewhere, or cannot be run here, and why. A line that is no longer in its document fails the test.
var notRun = []struct{ document, begins, why string }{
	{"CONTRIBUTING.md", ".ci/run", "it runs this test"},
	{"docs/policy.md", "agent policy", "cmd/agent TestAUtilityGovernsAHome types these lines against a utility's broker; TestTheWalkThroughOfThePolicyIsRun holds the two together"},
	{"docs/policy.md", "agent opt-out", "cmd/agent TestAUtilityGovernsAHome types these lines against a utility's broker; TestTheWalkThroughOfThePolicyIsRun holds the two together"},
}

// answers to "agent init --ask": a site with a meter that is not there yet.
func answers(port int) string {
	return strings.Join([]string{
		"", "", "ZA", "", "", "04123456789", "60 A", "none", // kind, name, country, tariff, zone, meter number, breaker, broker
		"pulse", "GPIO924", "1000", "led", "pulse", "GPIO924", "1000", "led", // the same again: it is kept
		"500", "own", "none", "none", fmt.Sprint(port), pin, pin, // credit, tokens, appliance, InfluxDB, page
	}, "\n") + "\n"
}

func walks(port, another int) map[string]walk {
	return map[string]walk{
		"README.md": {lines: []how{
			{begins: "go run ./cmd/agent demo", until: "http://"},
			{begins: "agent init --ask", typed: answers(another), says: "is right: site home"},
			{begins: "agent run", before: func(p *place, dir string) { p.live(filepath.Join(dir, "keeplit.yaml")) }, until: "msg=page"},
		}},
		"CONTRIBUTING.md": {},
		"docs/api.md":     {},
		"docs/backup.md": {
			in:    "etc/keeplit",
			words: map[string]string{"FILE": "enciphered.backup", "CONFIG": "keeplit.yaml"},
			lines: []how{
				{begins: "sudo agent backup FILE", before: func(p *place, _ string) {
					p.write(filepath.Join(p.root, "root", "backup.pass"), "five words that nobody guesses\n", 0o600)
				}},
				{begins: "agent backup /media", before: func(p *place, _ string) {
					p.remove("media/stick/keeplit-*.backup") // another day's
				}},
				{begins: "sudo agent replace", then: "agent restore /media/stick/handover.backup /etc/keeplit/keeplit.yaml && systemctl start keeplit"},
				{begins: "sudo sh -c 'umask 027; agent pin", typed: pin + "\n" + pin + "\n"},
			},
		},
		"docs/checkpoint.md": {},
		"docs/compose.md": {needs: "mosquitto_passwd", files: map[string]string{"deploy": "@deploy"}, lines: []how{
			{begins: "cp env.example .env", then: "sed -i s/PASSWORD=$/PASSWORD=right-horse/ .env"},
			{begins: "docker compose run --rm --no-deps -v \"$PWD/keeplit", typed: answers(another), says: "is right: site home"},
		}},
		"docs/fleet.md": {lines: []how{{
			begins: "agent fleet-sim", before: broker,
			instead: "500 --broker mqtts://broker.example:8883 --ca ca.pem --authority ca.pem --authority-key ca.key=3 --push limit --broker $BROKER --username keeplit --password password",
			says:    "limit         once 3",
		}}},
		"docs/homeassistant.md": {},
		"docs/install.md": {files: map[string]string{"keeplit_1.0_arm64.deb": "a package\n", "install.sh": "@deploy/install.sh"}, lines: []how{
			{begins: "agent init --ask", typed: answers(port), says: "is right: site home"},
			{begins: "systemctl restart", before: func(p *place, _ string) {
				p.live(filepath.Join(p.root, "etc/keeplit/keeplit.yaml"))
			}, then: "agent status"},
			{begins: "sh install.sh", needs: "openssl", before: signedRelease},
		}},
		"docs/last-until.md": {},
		"docs/expected-use.md": {lines: []how{
			{begins: "agent expect away", says: "nobody is there"},
			{begins: "agent expect extra", says: "on top"},
			{begins: "agent expect outage", says: "no mains"},
			{begins: "agent expect withdraw", says: "nobody is there"},
		}},
		"docs/limits.md": {in: "etc/keeplit", lines: []how{{begins: "agent limits", says: "limit_w"}}},
		"docs/metering.md": {lines: []how{
			// The house's day is not this one: it may have been there yesterday at that hour, or not.
			{begins: "agent meter reading 405.9", either: true, says: "measured"},
			{begins: "agent meter withdraw", instead: "7=1"},
		}},
		"docs/simulate.md": {files: map[string]string{"examples": "@examples"}, lines: []how{
			{begins: "agent simulate examples/worlds/poor-home.yaml --policy", instead: "none,keeplit --days 28=none --days 1"},
			{begins: "agent simulate examples/worlds/poor-home.yaml --variant", instead: "--html=--policy none --days 1 --html"},
		}},
		"docs/start.md": {lines: []how{
			{begins: "./agent demo", until: "http://"},
			{begins: "agent init --ask", typed: answers(another), says: "is right: site home"},
			{begins: "agent run", before: func(p *place, dir string) { p.live(filepath.Join(dir, "keeplit.yaml")) }, until: "msg=page"},
		}},
		"docs/statement.md": {needs: "openssl", lines: []how{
			{begins: "agent receipt", before: receipt},
		}},
		"docs/tariffs.md": {files: map[string]string{
			"load.csv":   "timestamp,kwh\n2026-11-01T00:00:00Z,1.5\n2026-11-01T00:30:00Z,0.5\n",
			"p.csv":      "timestamp,amount\n2026-11-02T08:00:00Z,200\n",
			"other.yaml": "{name: Other, currency: KES, zone: Africa/Nairobi, versions: [{energy: [{name: energy, price: 24}]}]}\n",
			"receipts.csv": "date,kwh,amount,tax\n2025-01-20,100,2400,331.03\n2025-02-20,150,3600,496.55\n2025-03-20,200,4800,662.07\n" +
				"2025-04-20,120,2880,397.24\n2025-05-20,80,1920,264.83\n2025-06-20,60,1440,198.62\n",
		}, lines: []how{
			{begins: "agent tariff new", before: func(_ *place, dir string) { _ = os.Remove(filepath.Join(dir, "mine.yaml")) }, typed: "Mine\nKES\nAfrica/Nairobi\n\nflat\n24\n0\n16 %\n0\n0\n"},
		}},
		"docs/tokens.md": {files: map[string]string{
			"meter.yaml": "#docs/tokens.md", "old.yaml": ofRevision(1), "new.yaml": ofRevision(2),
		}, words: map[string]string{"FILE.yaml": "meter.yaml", "OLD.yaml": "old.yaml", "NEW.yaml": "new.yaml"}, lines: []how{
			{begins: "agent token decode --meter FILE.yaml TOKEN", before: someTokens, says: `"accept"`},
			{begins: "agent token decode --meter FILE.yaml <", says: `"accept"`},
		}},
		"docs/tokens-by-description.md": {files: map[string]string{
			"meter.yaml":        "scheme: described\ndescription: village-grid.yaml\nmeter: \"04123456789\"\nkey: \"3132333435363738393031323334353637383930\"\nnext: 0\n",
			"village-grid.yaml": "@examples/tokens/village-grid.yaml",
		}},
		"docs/troubleshooting.md": {in: "etc/keeplit"},
		"docs/vendors.md": {files: map[string]string{"meter.yaml": "#docs/tokens.md"}, lines: []how{
			{begins: "agent token issue", takes: map[string]string{"TOKEN": `(\d{20})`}},
			{begins: "agent token decode", says: `"accept"`},
		}},
		"docs/vouchers.md": {lines: []how{
			{begins: "agent voucher keygen", takes: map[string]string{"PUBLIC": `([A-Za-z0-9_-]{43})`}},
			{begins: "agent voucher issue --key operator.key --state sold.json --meter 04123456789 --money", takes: map[string]string{"DIGITS": `(\d{212})`}},
		}},
	}
}

// ofRevision is a meter's file with one of the vendor's keys.
func ofRevision(n int) string {
	return fmt.Sprintf("{scheme: sts, vending_key: abababababababab949494949494949401234567, sgc: 123457, tariff_index: 1, key_type: 2, key_revision: %d, pan: \"600727000000000009\"}\n", n)
}

// someTokens are what the vendor has sold: one to be typed, one in a message.
func someTokens(p *place, dir string) {
	for i, name := range []string{"one", "other"} {
		out, err := p.shell(dir, fmt.Sprintf("agent token issue --meter meter.yaml --kwh 10 --at 2026-11-0%dT08:00:00Z > %s", i+1, name), "").CombinedOutput()
		if err != nil {
			p.t.Fatalf("%v: %s", err, out)
		}
	}
	p.words["TOKEN..."] = strings.TrimSpace(p.read(filepath.Join(dir, "one")))
	p.write(filepath.Join(dir, "tokens.txt"), "Paid 50. Token "+p.read(filepath.Join(dir, "other"))+"Thank you.\n", 0o600)
}

// remove removes files of the home.
func (p *place) remove(pattern string) {
	names, err := filepath.Glob(filepath.Join(p.root, pattern))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			p.t.Fatal(err)
		}
	}
}

// broker starts a Mosquitto with a login, which stands for one of the world outside.
func broker(p *place, dir string) {
	m := testservers.StartMosquitto(p.t)
	p.env = append(p.env, "BROKER="+m.URL)
	p.write(filepath.Join(dir, "password"), m.Password, 0o600)
}

// signedRelease makes a folder what a release is: a package, sums, and a signature of them.
func signedRelease(p *place, dir string) {
	out, err := p.shell(dir, `openssl genpkey -algorithm ed25519 -out key && openssl pkey -in key -pubout -out keeplit-release.pub &&
sha256sum keeplit_1.0_arm64.deb > SHA256SUMS && openssl pkeyutl -sign -inkey key -rawin -in SHA256SUMS -out SHA256SUMS.sig`, "").CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

// receipt saves the month's, and what its last line says of the signature.
func receipt(p *place, dir string) {
	text := testservers.SignedIn(p.t, p.url, pin, "/receipt/month/"+time.Now().UTC().Format("2006-01")+"-01.html")
	for _, name := range []string{"receipt-3115.html", "receipt.html"} {
		p.write(filepath.Join(dir, name), text, 0o600)
	}
	sealed := regexp.MustCompile(`<!-- keeplit seal 1 key=(\S+) signature=(\S+) -->`).FindStringSubmatch(text)
	if sealed == nil {
		p.t.Fatal("the receipt is not signed")
	}
	p.words["KEY"] = sealed[1]
	p.env = append(p.env, "K="+sealed[1], "S="+sealed[2])
}

func TestEveryCommandOfTheDocumentsRuns(t *testing.T) {
	p := newPlace(t)
	p.build()
	all := documents(t)
	ways := walks(p.port, testservers.FreePort(t))
	// The home is set up by the document that says how; what takes it away comes last.
	order := []string{"docs/install.md"}
	for name, d := range all {
		if len(d.typed(t)) > 0 && name != "docs/install.md" {
			order = append(order, name)
		}
	}
	slices.Sort(order[1:])
	unused := map[int]bool{}
	for i := range notRun {
		unused[i] = true
	}
	ran := 0
	for _, name := range order {
		way, known := ways[name]
		delete(ways, name)
		t.Run(name, func(t *testing.T) { ran += p.walk(t, all[name], way, known, unused) })
	}
	for name := range ways {
		t.Errorf("%s has no commands any more: take its walk away", name)
	}
	for i := range unused {
		t.Errorf("%s has no line %q any more: take it from the list", notRun[i].document, notRun[i].begins)
	}
	if ran < 60 {
		t.Errorf("only %d lines were run", ran)
	}
}

// lacks tells whether a program is missing, which fails the test where everything must be there.
func lacks(t *testing.T, program string) bool {
	t.Helper()
	if program == "" {
		return false
	}
	_, err := exec.LookPath(program)
	if err != nil && os.Getenv("KEEPLIT_REQUIRE_SERVERS") == "1" {
		t.Fatal(err)
	}
	return err != nil
}

// walk goes through one document, and answers how many lines were run.
func (p *place) walk(t *testing.T, d document, way walk, known bool, unused map[int]bool) (ran int) {
	p.t = t
	if lacks(t, way.needs) {
		t.Skipf("%s is not installed", way.needs)
	}
	p.words = map[string]string{}
	for word, is := range way.words {
		p.words[word] = is
	}
	dir := filepath.Join(p.root, way.in)
	if way.in == "" {
		dir = p.folder(way.files)
	}
	preamble := ""
	used := map[int]bool{}
	for _, line := range d.typed(t) {
		if i := slices.IndexFunc(notRun, func(n struct{ document, begins, why string }) bool {
			return n.document == d.name && strings.HasPrefix(line, n.begins)
		}); i >= 0 {
			delete(unused, i)
			continue
		}
		if !known {
			t.Errorf("%s tells to type %q, and nothing says how: give it a walk", d.name, line)
			return ran
		}
		var h how
		if i := slices.IndexFunc(way.lines, func(h how) bool { return strings.HasPrefix(line, h.begins) }); i >= 0 {
			h, used[i] = way.lines[i], true
		}
		if lacks(t, h.needs) {
			t.Logf("left out, %s is not installed: %s", h.needs, line)
			continue
		}
		if h.before != nil {
			h.before(p, dir)
		}
		command, remark, _ := strings.Cut(line, " # ")
		command = strings.TrimSpace(command)
		if from, to, ok := strings.Cut(h.instead, "="); ok {
			if !strings.Contains(command, from) {
				t.Errorf("%q has no %q", line, from)
			}
			command = strings.Replace(command, from, to, 1)
		}
		if to, ok := strings.CutPrefix(command, "cd "); ok {
			dir = filepath.Join(dir, to)
			continue
		}
		if regexp.MustCompile(`^\w+\(\) \{.*\}$`).MatchString(command) {
			preamble += command + "\n"
			continue
		}
		ran++
		begun := time.Now()
		command = p.inHome(command)
		if h.until != "" {
			if err := p.run(dir, command, h.until); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		} else {
			out, err := p.shell(dir, preamble+command, h.typed).CombinedOutput()
			if !h.either && h.fails != (err != nil) || !strings.Contains(string(out), h.says) {
				t.Errorf("%s\n%v, and %q in\n%s", line, err, h.says, out)
			}
			if regexp.MustCompile(`^\d+$`).MatchString(strings.TrimSpace(remark)) && !strings.Contains(string(out), strings.TrimSpace(remark)) {
				t.Errorf("%s\nit prints %s", line, out)
			}
			for word, pattern := range h.takes {
				found := regexp.MustCompile(pattern).FindStringSubmatch(string(out))
				if found == nil {
					t.Fatalf("%s\nno %s in %s", line, word, out)
				}
				p.words[word] = found[1]
			}
		}
		if h.then != "" {
			if out, err := p.shell(dir, p.inHome(h.then), "").CombinedOutput(); err != nil {
				t.Errorf("behind %s: %v: %s", line, err, out)
			}
		}
		t.Logf("%5d ms  %s", time.Since(begun).Milliseconds(), line)
	}
	for i, h := range way.lines {
		if !used[i] {
			t.Errorf("%s has no line %q any more: take it from its walk", d.name, h.begins)
		}
	}
	return ran
}

// What stands between back-ticks and calls a program of the system's names what there is.
func TestTheCommandsWithinSentencesNameWhatThereIs(t *testing.T) {
	p := newPlace(t)
	p.env = append(p.env, looking+"=1")
	calls := regexp.MustCompile(`^(sudo|systemctl|journalctl|make|go|apt|apt-get|docker) [^.]`)
	n := 0
	for name, d := range documents(t) {
		for _, span := range d.spans {
			if !calls.MatchString(span) {
				continue
			}
			n++
			if out, err := p.shell(p.root, span, "").CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v: %s", name, span, err, out)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d were found", n)
	}
	for _, wrong := range []string{"systemctl sart keeplit", "systemctl start keeplitd", "make showing", "go test ./forecasts", "go test ./credit -run NoSuchTest", "apt install fake-hwcolck", "docker compose exec keeplt /agent backup"} {
		if p.shell(p.root, wrong, "").Run() == nil {
			t.Errorf("%q is called right", wrong)
		}
	}
}
