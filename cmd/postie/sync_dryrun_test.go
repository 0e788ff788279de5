package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// verbose is what -v tells of an operation that was done.
var verbose = regexp.MustCompile(`^one: ([^:]+): ((?:rename|make|take|move|upload|fetch|change|delete|mark|forget|give) .*)\n`)

// told are the steps of a dry run, done those of a run with -v, in the same words.
func told(t *testing.T, lines, json string) (all []string) {
	for line := range strings.Lines(lines) {
		if before, after, ok := strings.Cut(line, ": would "); ok && strings.Contains(before, ": ") {
			all = append(all, strings.TrimPrefix(before, "one: ")+": "+strings.TrimSpace(after))
		}
	}
	events := steps(json)
	for i, s := range events {
		if i < len(all) && s.ID == "" && s.Message != "" { // -v does not say the subject of what the index has not yet
			all[i] = strings.Replace(all[i], titled(s.Message, s.Subject), s.Message, 1)
		}
		if s.Message == "" && !slices.Contains([]string{"create", "rename", "drop"}, s.Do) {
			t.Errorf("it does not say which message: %+v", s)
		}
	}
	if len(events) != len(all) {
		t.Errorf("%d steps in JSON, %d in words", len(events), len(all))
	}
	slices.Sort(all) // a run may finish two things at once
	return all
}

func done(out string) (all []string) {
	for line := range strings.Lines(out) {
		if m := verbose.FindStringSubmatch(line); m != nil {
			all = append(all, m[1]+": "+m[2])
		}
	}
	slices.Sort(all)
	return all
}

// paths are all files and folders of a device but those of the index.
func (d *device) paths() (all []string) {
	d.ok(filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !strings.HasPrefix(e.Name(), ".postie") {
			all = append(all, path)
		}
		return nil
	}))
	return all
}

// keepsItsWord demands that a dry run changes nothing, and that the run does what it said. It gives the number of steps.
func (d *device) keepsItsWord() int {
	d.Helper()
	before := fmt.Sprint(d.paths(), d.there(d.mailboxes()...))
	lines, out := d.exits(exit.OK, "-n"), d.exits(exit.OK, "-n", "--json")
	if after := fmt.Sprint(d.paths(), d.there(d.mailboxes()...)); after != before {
		d.Error("the dry run changed something")
	}
	run := d.exits(exit.OK, "-v", "--json")
	told, done := told(d.T, lines, out), done(run)
	if !slices.Equal(told, done) {
		d.Errorf("told:\n%s\ndone:\n%s", strings.Join(told, "\n"), strings.Join(done, "\n"))
	}
	if a, b := summaryOf(out), summaryOf(run); a != b {
		d.Errorf("told: %s\ndone: %s", a, b)
	}
	d.rests()
	return len(told)
}

// summaryOf is the last line of --json, without what is measured.
func summaryOf(out string) string {
	all := strings.Split(strings.TrimSpace(out), "\n")
	var m map[string]any
	if err := json.Unmarshal([]byte(all[len(all)-1]), &m); err != nil {
		return err.Error()
	}
	for _, k := range []string{"bytes", "seconds", "dry_run", "mailboxes"} {
		delete(m, k)
	}
	return fmt.Sprint(m)
}

// What a dry run prints is what the next run does, operation by operation, and its summary counts it.
func TestDryRunTellsTheRun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	d := f.postie("one", maildir.FS)
	check := func(want int) {
		t.Helper()
		if n := d.keepsItsWord(); n != want {
			t.Errorf("%d steps were told, want %d", n, want)
		}
		d.equal()
	}
	f.put("INBOX", 0, 20)
	f.ok(f.client.Create("Old", nil).Wait())
	f.put("Old", 20, 30)
	check(32)
	f.put("INBOX", 30, 32)
	f.ok(f.client.Create("There", nil).Wait())
	f.put("There", 40, 41)
	f.expunge(f.uid("INBOX", 1))
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

// The same by chance: whatever happened on both sides, whatever policy wants, and whatever the server can do.
func TestDryRunTellsAnyRun(t *testing.T) {
	t.Parallel()
	const old = "IMAP4rev1 LITERAL+ ENABLE NAMESPACE UNSELECT CHILDREN CONDSTORE LIST-EXTENDED LIST-STATUS"
	lines := map[string]string{"usual": "", "trash": `trash = "Trash"`, "summaries": `bodies = "none"`,
		"small": `bodies = { max_size = "240B" }`, "marks": `expunge = false`}
	for server, capabilities := range map[string]string{"new": "", "old": old, "old with MOVE": old + " MOVE"} {
		t.Run(server, func(t *testing.T) {
			f := newFleet(t, dovecot.Options{IMAPCapability: capabilities, Users: append(slices.Collect(maps.Keys(lines)), "alice")})
			for policy, line := range lines {
				if server == "old with MOVE" && policy != "trash" {
					continue
				}
				t.Run(policy, func(t *testing.T) { tellsAnyRun(f.other(t, policy), line) })
			}
		})
	}
}

func tellsAnyRun(f *fleet, line string) {
	c := &crowd{fleet: f, Rand: chance(f.T), letters: map[int]*history{}, next: 1}
	d := f.postie("one", maildir.FS, `max_delete = "100%"`, line)
	for _, mailbox := range crowdBoxes() {
		if mailbox != "INBOX" {
			f.ok(f.client.Create(mailbox, nil).Wait())
		}
		for range 6 {
			c.append(mailbox)
		}
	}
	d.keepsItsWord()
	for range rounds(3, 60) {
		c.log = nil
		for range 1 + c.IntN(8) {
			if c.IntN(2) == 0 {
				c.changeHere(d)
			} else {
				c.changeThere()
			}
		}
		if d.keepsItsWord(); f.Failed() {
			f.Fatalf("after:\n%s", strings.Join(c.log, "\n"))
		}
	}
}
