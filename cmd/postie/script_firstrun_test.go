package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// The scenarios of a first run, each in a world of its own.
func TestFirstRun(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script", "firstrun"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"mails": mails, "exits": exits, "nowhere": nowhere},
		Setup: func(e *testscript.Env) error {
			w := newWorld(e.T().(testing.TB), dovecot.Options{})
			w.mail.Deliver(t, "alice", messages.All()[0].Wire, messages.All()[1].Wire)
			e.Vars = append(append(e.Vars, w.env...), "GORACE="+os.Getenv("GORACE"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			return nil
		},
	})
}

// nowhere FILE…: the password is in none of them, nor in what the last command printed.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range append(args, "stdout", "stderr") {
		if strings.Contains(ts.ReadFile(name), dovecot.Password) {
			ts.Fatalf("the password is in %s", name)
		}
	}
}
