package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// trouble is what strace does to the calls of a running agent; calm ends it.
type trouble struct{ cmd *exec.Cmd }

// troubled has calls fail or wait, in strace's words: "fsync,fdatasync:delay_enter=3000000".
func troubled(pid int, what string, paths ...string) (*trouble, error) {
	calls, _, _ := strings.Cut(what, ":")
	args := []string{"-f", "-qq", "-o", "/dev/null", "-p", strconv.Itoa(pid), "-e", "trace=" + calls, "-e", "inject=" + what, "-e", "signal=none"}
	for _, p := range paths {
		args = append(args, "-P", p)
	}
	t := &trouble{exec.Command("strace", args...)}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if followed(pid) {
			return t, nil
		}
	}
	t.calm()
	return nil, fmt.Errorf("strace does not get hold of the agent: may it be traced here?")
}

// followed tells whether every thread of a process has a tracer.
func followed(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), "TracerPid:\t0\n") {
			return false
		}
	}
	return true
}

// calm ends it: the calls do again what they should.
func (t *trouble) calm() {
	if t == nil || t.cmd == nil {
		return
	}
	_ = t.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { defer close(done); _ = t.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second): // it waits for a call that it has delayed
		_ = t.cmd.Process.Kill()
		<-done
	}
	t.cmd = nil
}

// syncs are the calls that bring data to the disk.
const syncs = "fsync,fdatasync"
