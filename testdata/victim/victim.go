// Package victim runs a test binary again, as another process that is killed: by itself before a step, or by the test.
package victim

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// envRole says what the process is to do in place of running tests.
const envRole = "POSTIE_TEST_VICTIM"

// envTrace has another process between this one and the test: a Fault, as JSON.
const envTrace = "POSTIE_TEST_FAULT"

// Main belongs into TestMain: it runs the tests and what is to be done after them, or in a process that [Command] made plays the role that it
// was given.
func Main(m *testing.M, roles map[string]func() error, after ...func()) {
	role, ok := roles[os.Getenv(envRole)]
	if !ok {
		code := m.Run()
		for _, do := range after {
			do()
		}
		os.Exit(code)
	}
	if spec := os.Getenv(envTrace); spec != "" {
		role = func() error { return trace(spec) }
	}
	if err := role(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// Command is the test binary in a role. What the role has to know is told by the environment: KEY=VALUE.
func Command(role string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), envRole+"="+role), env...)
	return cmd
}

// Before gives a hook for the steps of a run. It kills the process with SIGKILL just before the step of that number,
// counted from 1, as if the power were cut there, and names the step on standard output.
func Before(last int) func(step string) {
	var mu sync.Mutex
	n := 0
	return func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == last {
			fmt.Println(step)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

// Run runs a command to its end. killed: by a signal; out is the step then. Otherwise err is how the role went.
func Run(cmd *exec.Cmd) (out string, killed bool, err error) {
	text, err := cmd.CombinedOutput()
	out = strings.TrimSpace(string(text))
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return out, true, nil
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return out, false, err
}
