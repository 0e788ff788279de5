package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// A file that another program moves keeps its letters; they are keywords of the folder that it came from. Once that is
// agreed its name is right for the folder that it lies in.
func TestMovedKeywords(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	d := f.postie("one", maildir.FS)
	for _, mailbox := range []string{"Work", "Bare"} {
		f.ok(f.client.Create(mailbox, nil).Wait())
	}
	f.put("INBOX", 1, 4, "NonJunk")
	f.put("INBOX", 4, 6, "NonJunk", "Later")
	f.put("INBOX", 6, 8, "NonJunk")
	f.put("Work", 10, 11, "work", "play")
	d.sync()
	moves := []struct {
		n      int
		to     string
		before func(file) // done to the file before it is moved
		after  func(file) // and after
		want   string
	}{
		{1, "Work", nil, nil, "NonJunk"},
		{2, "Bare", nil, nil, "NonJunk"},
		{3, "Work", func(f file) { d.rename(f, "F"+f.Letters) }, nil, "NonJunk"},
		{4, "Work", func(f file) { d.rename(f, "S"+f.Letters[1:]) }, nil, d.keywords("INBOX", d.find("INBOX", 4).Letters[1:])},
		{5, "Work", nil, func(file) { d.must("list") }, "Later NonJunk"},
		{6, "Work", nil, func(it file) { d.rekey(it) }, "NonJunk"},
		{7, "Work", nil, func(it file) { d.rekey(it); d.must("list") }, "NonJunk"},
	}
	for _, m := range moves {
		if m.before != nil {
			m.before(d.find("INBOX", m.n))
		}
		d.move(d.find("INBOX", m.n), m.to)
		if m.after != nil {
			m.after(d.find(m.to, m.n))
		}
	}
	if out := d.exits(exit.OK, "-n", "--json"); strings.Count(out, `"do":"move"`) != len(moves) {
		t.Errorf("plan:\n%s", out)
	}
	d.sync()
	for _, m := range moves {
		for _, it := range f.there(m.to) {
			if it.n == m.n && it.keywords != m.want {
				t.Errorf("letter %d has %q there, want %q", m.n, it.keywords, m.want)
			}
		}
	}
	d.equal()
	d.rests()

	// There and back again before anybody looks, and a copy beside the original.
	d.move(d.find("Work", 10), "INBOX")
	d.move(d.find("INBOX", 10), "Work")
	old := d.find("Work", 5)
	content, err := os.ReadFile(d.maildir("Work").Path(old.Entry))
	f.ok(err)
	f.ok(os.WriteFile(filepath.Join(string(d.maildir("Bare")), "cur", old.Name), content, 0o600))
	d.sync()
	d.equal()
	d.rests()
	for _, it := range f.there("Bare") {
		if it.n == 5 && it.keywords != "Later NonJunk" {
			t.Errorf("the copy has %q", it.keywords)
		}
	}
}

// rekey gives a file a name of its own, with the same flags and letters, as mutt does with what it moves.
func (d *device) rekey(f file) {
	d.Helper()
	dir := d.maildir(f.mailbox)
	_, flags, _ := strings.Cut(f.Name, ":2,")
	d.ok(os.Rename(dir.Path(f.Entry), filepath.Join(string(dir), "cur", fmt.Sprintf("1762164000.R%d.mutt:2,%s", f.n, flags))))
}

// keywords are those of letters in a mailbox.
func (d *device) keywords(mailbox, letters string) string {
	d.Helper()
	table, err := d.maildir(mailbox).Keywords()
	d.ok(err)
	ks, _ := table.Keywords(letters)
	return strings.Join(ks.Names(), " ")
}

// must runs a command that asks no server.
func (d *device) must(args ...string) {
	d.Helper()
	var out strings.Builder
	if code := run(append(args, "-c", d.config()), &out, &out); code != exit.OK {
		d.Fatalf("%v: exit code %d\n%s", args, code, out.String())
	}
}
