package docs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a command needs that is a system's, the world's outside or takes an hour has a stand-in. It does
// what can be done in the home of the test, and fails where a word that it is given is not there.
const (
	asStub  = "KEEPLIT_DOCS_STUB" // whose stand-in this process is
	ofHome  = "KEEPLIT_DOCS_HOME" // the home's folder
	ofRepo  = "KEEPLIT_DOCS_REPO" // the folder of keeplit
	looking = "KEEPLIT_DOCS_LOOK" // nothing is done; the words are looked at
)

var stubs = map[string]func(args []string) error{
	"systemctl": systemctl, "journalctl": journalctl, "sudo": sudo, "apt": apt, "apt-get": apt, "dpkg": dpkg,
	"docker": docker, "go": golang, "make": makes,
}

func TestMain(m *testing.M) {
	name := os.Getenv(asStub)
	if name == "" {
		code := m.Run()
		if program != "" {
			_ = os.RemoveAll(filepath.Dir(program))
		}
		os.Exit(code)
	}
	if err := stubs[name](os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(2)
	}
	os.Exit(0)
}

func home(parts ...string) string {
	return filepath.Join(append([]string{os.Getenv(ofHome)}, parts...)...)
}

func inRepo(parts ...string) string {
	return filepath.Join(append([]string{os.Getenv(ofRepo)}, parts...)...)
}

func look() bool { return os.Getenv(looking) != "" }

// become goes on as another program.
func become(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	// What it calls are the stand-ins that the PATH has.
	return syscall.Exec(path, args, slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, asStub+"=") }))
}

func ourUnit(name string) error {
	if name = strings.TrimSuffix(name, ".service"); name != "keeplit" {
		return fmt.Errorf("there is no unit %s of ours", name)
	}
	_, err := os.Stat(inRepo("deploy", "keeplit.service"))
	return err
}

func systemctl(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("a verb and a unit, not %q", args)
	}
	if err := ourUnit(args[1]); err != nil {
		return err
	}
	if look() {
		if !slices.Contains([]string{"start", "stop", "restart", "status", "edit", "enable", "disable"}, args[0]) {
			return fmt.Errorf("there is no verb %s", args[0])
		}
		return nil
	}
	switch args[0] {
	case "start":
		return start()
	case "stop":
		return stop()
	case "restart":
		return errors.Join(stop(), start())
	}
	return fmt.Errorf("no verb %s here", args[0])
}

// start runs the agent as the unit does, and waits until it says that it is well.
func start() error {
	log, err := os.OpenFile(home("agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(home("bin", "agent"), "run", home("etc", "keeplit", "keeplit.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(home("agent.pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	for range 600 {
		if exec.Command(home("bin", "agent"), "status", "--health").Run() == nil {
			return nil
		}
		if !runs(cmd.Process.Pid) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(home("agent.log"))
	return fmt.Errorf("the agent is not well: %s", text)
}

// runs tells whether a process is there; one that has ended and that nobody asks after is not.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !regexp.MustCompile(`\) [ZX] `).Match(text)
}

// stop ends the agent in good order, where one runs.
func stop() error {
	text, err := os.ReadFile(home("agent.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	for range 600 {
		if !runs(pid) {
			return os.Remove(home("agent.pid"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the agent (%d) does not end", pid)
}

func journalctl(args []string) error {
	if len(args) != 2 || args[0] != "-u" {
		return fmt.Errorf("-u UNIT, not %q", args)
	}
	return ourUnit(args[1])
}

func sudo(args []string) error {
	if len(args) > 1 && args[0] == "-u" {
		postinst, err := os.ReadFile(inRepo("deploy", "deb", "postinst"))
		if err != nil {
			return err
		}
		if !regexp.MustCompile(`adduser [^\n]*` + regexp.QuoteMeta(args[1]) + `\b`).Match(postinst) {
			return fmt.Errorf("the package makes no user %s", args[1])
		}
		args = args[2:]
	}
	switch {
	case len(args) == 0:
		return errors.New("no command")
	case args[0] == "chown": // the test may not be root
		if look() {
			return nil
		}
		_, err := os.Stat(args[len(args)-1])
		return err
	case look() && slices.Contains([]string{"agent", "chmod"}, args[0]):
		return nil // what agent has is looked at elsewhere
	}
	return become(args)
}

// debian are the packages of Debian 12 or Raspberry Pi OS that documents name.
var debian = []string{"gparted", "fake-hwclock"}

func apt(args []string) error {
	verb := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") })
	if verb < 0 || !slices.Contains([]string{"install", "remove", "purge"}, args[verb]) {
		return fmt.Errorf("no verb in %q", args)
	}
	named := 0
	for i, a := range args {
		switch {
		case i == verb:
		case strings.HasPrefix(a, "-"):
			if !slices.Contains([]string{"-y", "--allow-downgrades"}, a) {
				return fmt.Errorf("there is no option %s", a)
			}
		case strings.HasPrefix(a, "./"):
			if named++; look() {
				continue
			}
			if _, err := os.Stat(a); err != nil {
				return err
			}
		default:
			if named++; a != "keeplit" && !slices.Contains(debian, a) {
				return fmt.Errorf("there is no package %s", a)
			}
		}
	}
	if named == 0 {
		return errors.New("no package is named")
	}
	return nil
}

func dpkg(args []string) error {
	if !slices.Equal(args, []string{"--print-architecture"}) {
		return fmt.Errorf("not known here: %q", args)
	}
	fmt.Println("arm64") //nolint:forbidigo // it is its answer
	return nil
}

// docker stands in for Compose: a command of the agent's or the broker's image is run here, with the
// folders that are hung into it.
func docker(args []string) error {
	if len(args) > 1 && args[0] == "buildx" && args[1] == "build" {
		_, err := os.Stat(inRepo("Dockerfile"))
		return err
	}
	if len(args) < 2 || args[0] != "compose" {
		return fmt.Errorf("not known here: %q", args)
	}
	folder := "."
	if look() {
		folder = inRepo("deploy", "compose")
	}
	text, err := os.ReadFile(filepath.Join(folder, "compose.yaml"))
	if err != nil {
		return err
	}
	_, services, _ := strings.Cut(string(text), "\nservices:\n")
	services, _, _ = strings.Cut(services, "\nvolumes:\n")
	verb, args := args[1], args[2:]
	if verb == "up" || verb == "down" {
		if len(args) > 0 && !slices.Equal(args, map[string][]string{"up": {"-d"}, "down": {"-v"}}[verb]) {
			return fmt.Errorf("%s %q", verb, args)
		}
		for _, hung := range regexp.MustCompile(`(?m)^      - (\./[a-z.]+):`).FindAllStringSubmatch(services, -1) {
			if _, err := os.Stat(hung[1]); verb == "up" && err != nil {
				return fmt.Errorf("what is hung in is missing: %w", err)
			}
		}
		return nil
	}
	if verb != "run" && verb != "exec" {
		return fmt.Errorf("no verb %s", verb)
	}
	var hung []string
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "--rm", "--no-deps":
		case "-v":
			from, to, ok := strings.Cut(args[1], ":")
			if _, err := os.Stat(from); !ok || err != nil {
				return fmt.Errorf("-v %s: %w", args[1], err)
			}
			hung = append(hung, to, from)
			args = args[1:]
		default:
			return fmt.Errorf("there is no option %s", args[0])
		}
		args = args[1:]
	}
	if len(args) < 2 || !strings.Contains("\n"+services, "\n  "+args[0]+":\n") {
		return fmt.Errorf("no service and command of it: %q", args)
	}
	service, command := args[0], args[1:]
	if service == "keeplit" && verb == "run" { // the image's entry is the program
		command = append([]string{"agent"}, command...)
	}
	if look() {
		return nil
	}
	for i := range command {
		command[i] = strings.NewReplacer(hung...).Replace(command[i])
	}
	return become(command)
}

// golang stands in for the Go tool in the folder of keeplit.
func golang(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("not known here: %q", args)
	}
	verb, rest := args[0], args[1:]
	if verb == "build" && len(rest) == 3 && rest[0] == "-o" && rest[2] == "./cmd/agent" && !look() {
		return os.Symlink(home("bin", "agent"), rest[1])
	}
	if verb == "run" && rest[0] == "./cmd/agent" && !look() {
		return become(append([]string{"agent"}, rest[1:]...))
	}
	if verb == "build" && look() {
		return nil
	}
	if verb == "generate" {
		files, err := filepath.Glob(inRepo(rest[0], "*.go"))
		if err != nil {
			return err
		}
		return says(files, `(?m)^//go:generate `, "a line go:generate")
	}
	if verb != "test" {
		return fmt.Errorf("not known here: %q", args)
	}
	patterns := map[string]string{}
	var folders []string
	for i := 0; i < len(rest); i++ {
		switch a := rest[i]; {
		case a == "-run" || a == "-bench" || a == "-count":
			patterns[a] = rest[i+1]
			i++
		case a == "-v" || a == "-race":
		case a == "-update":
			patterns[a] = a
		case strings.HasPrefix(a, "./"):
			folders = append(folders, a)
		default:
			return fmt.Errorf("not known here: %s", a)
		}
	}
	if len(folders) == 0 {
		return errors.New("no package is named")
	}
	for _, folder := range folders {
		under, all := strings.CutSuffix(folder, "/...")
		files, err := filepath.Glob(inRepo(under, "*_test.go"))
		if err != nil || len(files) == 0 && !all {
			return fmt.Errorf("no tests in %s", folder)
		}
		if all {
			continue
		}
		kind, pattern := "Test", patterns["-run"]
		if p := patterns["-bench"]; p != "" {
			kind, pattern = "Benchmark", p
		}
		if err := anyOf(files, kind, pattern); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		if patterns["-update"] != "" {
			if err := says(files, `flag\.Bool\("update"`, "a flag -update"); err != nil {
				return fmt.Errorf("%s: %w", folder, err)
			}
		}
	}
	return nil
}

// says finds a line in one of some files.
func says(files []string, pattern, what string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || regexp.MustCompile(pattern).Match(text) {
			return err
		}
	}
	return fmt.Errorf("there is not %s", what)
}

// anyOf finds a test that a pattern means.
func anyOf(files []string, kind, pattern string) error {
	pattern, _, _ = strings.Cut(pattern, "/")
	means, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, found := range regexp.MustCompile(`(?m)^func (`+kind+`\w*)\(`).FindAllSubmatch(text, -1) {
			if means.Match(found[1]) {
				return nil
			}
		}
	}
	return fmt.Errorf("no %s is called %s", kind, pattern)
}

func makes(args []string) error {
	text, err := os.ReadFile(inRepo("Makefile"))
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New("no target is named")
	}
	for _, a := range args {
		if name, _, set := strings.Cut(a, "="); set {
			if !regexp.MustCompile(`\$\(` + name + `\)`).Match(text) {
				return fmt.Errorf("nothing in Makefile asks for %s", name)
			}
		} else if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(a) + `:`).Match(text) {
			return fmt.Errorf("there is no target %s", a)
		}
	}
	return nil
}
