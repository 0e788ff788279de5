package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// verbose is what -v tells of an operation that was done.
var verbose = regexp.MustCompile(`^one: ([a-z]+) (\S+)(?: ([0-9]\S*))?(?: [0-9]\S*)?(?: to (\S+))?(?: (?:here|there|on both sides))?(?: (?:push|pull) .*?)?: (.*)\n`)

// summaryOf is the last line of --json, without what is measured.
func summaryOf(out string) string {
	all := strings.Split(strings.TrimSpace(out), "\n")
	var m map[string]any
	if err := json.Unmarshal([]byte(all[len(all)-1]), &m); err != nil {
		return err.Error()
	}
	for _, k := range []string{"bytes", "seconds", "dry_run"} {
		delete(m, k)
	}
	return fmt.Sprint(m)
}

// What a dry run prints is what the next run does, operation by operation, and its summary counts it.
func TestDryRunTellsTheRun(t *testing.T) {
	f := newFleet(t, dovecot.Options{})
	d := f.postie("one", maildir.FS)
	check := func(want int) {
		t.Helper()
		before := fmt.Sprint(d.here(f.mailboxes()[:0]...), f.there(f.mailboxes()...))
		out := d.exits(exitOK, "-n", "--json")
		if after := fmt.Sprint(d.here(f.mailboxes()[:0]...), f.there(f.mailboxes()...)); after != before {
			t.Error("the dry run changed something")
		}
		plan := steps(out)
		run := d.exits(exitOK, "-v", "--json")
		var told, done []string
		for _, s := range plan {
			told = append(told, fmt.Sprintf("%s %s %s [%s]: %s", s.Do, s.Mailbox, strings.TrimPrefix(s.Message, "UID "), s.To, s.Reason))
			if s.Message == "" && !slices.Contains([]string{"create", "rename", "drop"}, s.Do) {
				t.Errorf("it does not say which message: %+v", s)
			}
		}
		for line := range strings.Lines(run) {
			if m := verbose.FindStringSubmatch(line); m != nil {
				done = append(done, fmt.Sprintf("%s %s %s [%s]: %s", m[1], m[2], m[3], m[4], m[5]))
			}
		}
		slices.Sort(told) // a run may finish two things at once
		slices.Sort(done)
		if !slices.Equal(told, done) {
			t.Errorf("told:\n%s\ndone:\n%s", strings.Join(told, "\n"), strings.Join(done, "\n"))
		}
		if len(told) != want {
			t.Errorf("%d steps were told, want %d", len(told), want)
		}
		if a, b := summaryOf(out), summaryOf(run); a != b {
			t.Errorf("told: %s\ndone: %s", a, b)
		}
		d.rests()
		d.equal()
	}
	f.put("INBOX", 0, 20)
	f.ok(f.client.Create("Old", nil).Wait())
	f.put("Old", 20, 30)
	check(32)
	f.put("INBOX", 30, 32)
	f.ok(f.client.Create("There", nil).Wait())
	f.put("There", 40, 41)
	f.expunge("INBOX", f.uid("INBOX", 1))
	f.flag(f.uid("INBOX", 2), imap.StoreFlagsAdd, imap.FlagSeen, "work")
	_, err := f.client.Move(f.uid("INBOX", 3), "Old").Wait()
	f.ok(err)
	d.deliver("INBOX", 50, "")
	d.deliver("Here", 51, "S")
	d.remove(d.find("INBOX", 4))
	d.rename(d.find("INBOX", 5), "F")
	d.move(d.find("INBOX", 6), "Old")
	f.flag(f.uid("Old", 21), imap.StoreFlagsAdd, imap.FlagFlagged)
	d.rename(d.find("Old", 21), "S")
	check(14)
}
