package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

// place is a home of the test's own: a folder that stands for a box's root, the program, stand-ins
// for what is the system's, a broker, and one agent, which the documents set up and start.
type place struct {
	t         *testing.T
	root, url string
	port      int
	env       []string
	words     map[string]string // what stands for a word in capitals of a document
}

const pin = "4711"

func newPlace(t *testing.T) *place {
	t.Helper()
	root, err := filepath.Abs(repo)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, root: t.TempDir(), port: testservers.FreePort(t), words: map[string]string{}}
	p.url = fmt.Sprintf("http://127.0.0.1:%d", p.port)
	for _, folder := range []string{"bin", "etc/keeplit", "media/stick", "root", "tmp"} {
		if err := os.MkdirAll(filepath.Join(p.root, folder), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(p.root, "bin")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range stubs {
		p.write(filepath.Join(bin, name), "#!/bin/sh\n"+asStub+"="+name+" exec '"+self+"' \"$@\"\n", 0o700)
	}
	p.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KEEPLIT_URL="+p.url, "KEEPLIT_PIN="+pin,
		"HOME="+filepath.Join(p.root, "root"), "TMPDIR="+filepath.Join(p.root, "tmp"), ofHome+"="+p.root, ofRepo+"="+root)
	t.Cleanup(func() {
		cmd := exec.Command(filepath.Join(bin, "systemctl"), "stop", "keeplit")
		cmd.Env = p.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(p.root, "agent.log"))
			t.Logf("what the agent logged:\n%s", log)
		}
	})
	return p
}

// program is the agent as it was built for all tests of this package, "" before the first.
var program string

// build builds the program, once, as the cross-build does, without the race detector: nothing here is the
// agent's own test.
func (p *place) build() {
	p.t.Helper()
	if program == "" {
		// Where a file of the program changes, what this test came to before is no longer true: whatever a
		// test looks at makes its result a new one.
		if err := filepath.WalkDir(repo, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && (path == filepath.Join(repo, ".git") || path == filepath.Join(repo, "dist") || path == filepath.Join(repo, "bin")) {
				return fs.SkipDir
			}
			return err
		}); err != nil {
			p.t.Fatal(err)
		}
		dir, err := os.MkdirTemp("", "keeplit-docs-")
		if err != nil {
			p.t.Fatal(err)
		}
		program = filepath.Join(dir, "agent")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/agent")
		build.Dir, build.Env = repo, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			p.t.Fatalf("the program is not built: %v\n%s", err, out)
		}
	}
	if err := os.Symlink(program, filepath.Join(p.root, "bin", "agent")); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) write(name, text string, mode fs.FileMode) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// folder is a folder of a document's own with these files; a text that begins with @ is the file of
// that name in the folder of keeplit, and one with # the first example of a document in YAML.
func (p *place) folder(files map[string]string) string {
	p.t.Helper()
	dir, err := os.MkdirTemp(p.root, "walk-")
	if err != nil {
		p.t.Fatal(err)
	}
	for name, text := range files {
		from, is := strings.CutPrefix(text, "@")
		if of, example := strings.CutPrefix(text, "#"); example {
			p.write(filepath.Join(dir, name), strings.Join(testservers.Example(p.t, filepath.Join(repo, of), "yaml"), "\n"), 0o600)
		} else if !is {
			p.write(filepath.Join(dir, name), text, 0o600)
		} else if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			p.t.Fatal(err)
		} else if out, err := exec.Command("cp", "-r", filepath.Join(repo, from), filepath.Join(dir, name)).CombinedOutput(); err != nil {
			p.t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// inHome is a line with the folders of a box where this home has them.
func (p *place) inHome(line string) string {
	for _, folder := range []string{"/etc/keeplit", "/media/stick", "/root/"} {
		line = regexp.MustCompile(`(^|[\s'":=])`+folder).ReplaceAllString(line, "${1}"+p.root+folder)
	}
	for word, is := range p.words {
		line = regexp.MustCompile(`(^|[\s=])`+regexp.QuoteMeta(word)+`(\s|$)`).ReplaceAllString(line, "${1}"+is+"${2}")
	}
	return line
}

// shell is a command line as it is typed in a folder.
func (p *place) shell(dir, line, typed string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, p.env, strings.NewReader(typed)
	return cmd
}

// run runs what goes on until it is stopped: it says something, is asked to end, and ends in good order.
func (p *place) run(dir, line, says string) error {
	name := filepath.Join(p.root, "tmp", "said")
	said, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	cmd := p.shell(dir, "exec "+line, "")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }() // what it has left beside it, as a container's end does
	end := time.Now().Add(30 * time.Second)
	for !strings.Contains(p.read(name), says) && time.Now().Before(end) && runs(cmd.Process.Pid) {
		time.Sleep(20 * time.Millisecond)
	}
	text := p.read(name)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || !strings.Contains(text, says) {
		return fmt.Errorf("%w: it does not say %q but %s", err, says, p.read(name))
	}
	return nil
}

// live gives a configuration that was asked for a meter that is there: a simulated house.
func (p *place) live(name string) {
	p.t.Helper()
	text := p.read(name)
	meter := regexp.MustCompile(`(?m)^meter:\n(  .*\n|#.*\n)+`)
	if n := len(meter.FindAllString(text, -1)); n != 1 {
		p.t.Fatalf("%d meters are in use in %s", n, text)
	}
	p.write(name, meter.ReplaceAllString(text, "meter: {driver: house}\nsimulation: {seed: 7}\n"), 0o640)
}
