package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/testdata/dovecot"
)

// status tells what happened last, and what to do, after real events.
func TestStatusEvents(t *testing.T) {
	m := newMirrored(t, "", 12)
	status := func(what string, code, messages, waiting int, failure, next string) {
		t.Helper()
		var s accountStatus
		if err := json.Unmarshal([]byte(m.postie("status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		if s.Exit != code || s.Messages != messages || s.Waiting != waiting || !strings.Contains(string(s.Error), failure) || !strings.Contains(string(s.Next), next) ||
			s.Success.IsZero() || s.Failure.IsZero() != (code == exit.OK) || (s.Error == "") != (code == exit.OK) {
			t.Errorf("%s: %+v", what, s)
		}
		for _, piece := range []string{"work: last success", failure, next} {
			if out := m.postie("status"); !strings.Contains(out, piece) {
				t.Errorf("%s: no %q in:\n%s", what, piece, out)
			}
		}
	}
	sync := func(want int, args ...string) {
		t.Helper()
		if out, code := m.run(append([]string{"sync"}, args...)...); code != want {
			t.Errorf("sync %v: exit code %d\n%s", args, code, out)
		}
	}
	status("well", exit.OK, 12, 0, "", "")
	t.Setenv("PW", "wrong")
	sync(exit.Login)
	status("login refused", exit.Login, 12, 0, "Authentication failed", "check user and password")
	t.Setenv("PW", dovecot.Password)
	m.postie("mark", "1", "2", "--seen")
	status("still, and two changes", exit.Login, 12, 2, "Authentication failed", "check user and password")
	sync(exit.OK)
	status("well again", exit.OK, 12, 0, "", "")
	files, err := filepath.Glob(filepath.Join(m.root, "INBOX", "*", "*"))
	m.must(err)
	for _, file := range files {
		m.must(os.Remove(file))
	}
	sync(exit.Guard)
	status("guard", exit.Guard, 0, 12, "12 of 12 messages are gone here", "postie sync work --allow-mass-delete")
	sync(exit.OK, "-n", "--allow-mass-delete")
	status("a dry run is none", exit.Guard, 0, 12, "12 of 12 messages are gone here", "postie sync work --allow-mass-delete")
	config, err := os.ReadFile(m.config)
	m.must(err)
	m.must(os.WriteFile(m.config, []byte(strings.Replace(string(config), "port = ", "port = 1 #", 1)+"[account.fresh]\nprotocol = \"pop3\"\nhost = \"x.test\"\nuser = \"u\"\nmaildir = \"fresh\"\n"), 0o600))
	sync(exit.Connection, "work")
	if out := m.postie("status"); !strings.Contains(out, "try: check host and port") || !strings.Contains(out, "fresh: no run yet") {
		t.Error(out)
	}
	if out := m.postie("status", "--json"); !strings.Contains(out, `{"event":"status","account":"fresh","protocol":"pop3",`) || strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
}
