package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/maildir/index"
	"postie/testdata/dovecot"
)

// command runs a command on the device's configuration, and demands an exit code.
func (d *device) command(want int, args ...string) string {
	d.Helper()
	var out bytes.Buffer
	if code := run(append([]string{"-c", d.config()}, args...), &out, &out); code != want {
		d.Fatalf("postie %v: exit code %d, want %d\n%s", args, code, want, &out)
	}
	return out.String()
}

// bulk is a letter whose body is larger than all that is said about it.
func bulk(n int) string { return letter(n) + strings.Repeat("more of it, and nothing new\r\n", 150) }

// idOf is the ID of letter n.
func (d *device) idOf(n int) string {
	d.Helper()
	out := d.command(exit.OK, "search", fmt.Sprintf(`subject:"letter %d"`, n), "--json")
	_, rest, _ := strings.Cut(out, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if id == "" {
		d.Fatalf("no letter %d: %s", n, out)
	}
	return id
}

// 5,000 messages, of which only headers come; reading without a server; one body on demand; what is done here is seen there,
// and on another device.
func TestSummariesOfThousands(t *testing.T) {
	t.Parallel()
	const many = 5000
	f := newFleet(t, dovecot.Options{})
	f.fillWith("INBOX", 0, many, bulk)
	m := f.meter()
	d := f.postie("one", maildir.FS, `bodies = "none"`).through(m)
	began := time.Now()
	d.sync()
	per := m.bodies.Load() / int64(many)
	t.Logf("%d summaries in %v, %d turns, %d octets each", many, time.Since(began).Round(time.Millisecond), m.turns.Load(), per)
	if per > 1000 || m.turns.Load() > 80 {
		t.Errorf("%d octets for each message, %d turns", per, m.turns.Load())
	}
	if len(d.files("INBOX")) > 0 {
		t.Error("there are bodies")
	}

	f.ok(m.listener.Close()) // no server from here on
	if n := strings.Count(d.command(exit.OK, "list", "--limit", "0", "--json"), "\n"); n != many {
		t.Errorf("%d are listed", n)
	}
	ids := map[int]string{}
	for n := range 6 {
		ids[n] = d.idOf(n)
	}
	if out := d.command(exit.Connection, "show", ids[0]); !strings.Contains(out, "Subject: letter 0\n") || !strings.Contains(out, "(only the summary is here)") || !strings.Contains(out, "refused") {
		t.Error(out)
	}
	f.ok(m.open())
	m.reset()
	if out := d.command(exit.OK, "show", ids[0]); !strings.Contains(out, "Hello 0.") || !strings.Contains(out, "more of it") {
		t.Error(out)
	}
	if n := m.bodies.Load(); n > 2*int64(len(bulk(0)))+4000 || m.turns.Load() > 10 {
		t.Errorf("one body: %d octets, %d turns", n, m.turns.Load())
	}
	f.ok(m.listener.Close())
	d.command(exit.OK, "show", ids[0], "--raw") // it stayed
	f.ok(m.open())

	d.command(exit.OK, "mark", ids[1], ids[0], "--flagged")
	d.command(exit.OK, "move", ids[2], "Archive", "--create")
	d.command(exit.OK, "delete", ids[3])
	d.sync()
	if out := d.command(exit.OK, "status", "--json"); !strings.Contains(out, `"waiting":0,"last_success"`) {
		t.Error(out)
	}
	there := map[string]string{}
	for _, mailbox := range []string{"INBOX", "Archive"} {
		for _, msg := range f.fetch(mailbox, &imap.FetchOptions{Envelope: true, Flags: true}) {
			there[msg.Envelope.Subject] = fmt.Sprint(mailbox, msg.Flags)
		}
	}
	if there["letter 0"] != `INBOX[\Flagged]` || there["letter 1"] != `INBOX[\Flagged \Seen]` || there["letter 2"] != `Archive[\Flagged \Seen]` || there["letter 3"] != "" || len(there) != many-1 {
		t.Errorf("%v %v %v %v, %d messages", there["letter 0"], there["letter 1"], there["letter 2"], there["letter 3"], len(there))
	}
	d.rests()
	second := f.postie("two", maildir.MaildirPlusPlus)
	second.sync()
	second.equal()
	if second.find("INBOX", 1).Set != maildir.FlagFlagged|maildir.FlagSeen || len(second.files("Archive")) != 1 {
		t.Error("it did not arrive on the second device")
	}
}

// What show is asked for comes down whatever the form; what cannot come is said, with the exit code that fits.
func TestShowOnDemand(t *testing.T) {
	m := newMirrored(t, `bodies = "none"`, 6)
	if out := m.postie("show", "1", "--raw"); !strings.Contains(out, "\nbody1\n") || strings.Contains(out, "\r") {
		t.Error(out)
	}
	file := filepath.Join(t.TempDir(), "part")
	m.postie("show", "2", "--part", "1", "-o", file)
	if content, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(content)) != "body2" {
		t.Errorf("%q, %v", content, err)
	}
	if out := m.postie("show", "3", "--seen", "--json"); !strings.Contains(out, `"text":"body3`) {
		t.Error(out)
	}
	m.want("here", m.ids("search", "body3"), "work/INBOX/3")
	m.postie("sync")
	m.want("on the server", m.there("."), "1 2 3S 4 5 6")

	store, err := index.Open(t.Context(), maildir.Dir(m.root), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lock, err := store.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	m.fails(exit.InUse, "--wait", "show", "4")
	m.postie("show", "3") // what is here never waits
	go func() {
		time.Sleep(300 * time.Millisecond)
		lock.Release()
	}()
	if out := m.postie("show", "4", "--wait=20s"); !strings.Contains(out, "body4") {
		t.Error(out)
	}

	names, err := filepath.Glob(filepath.Join(m.server.Home("alice"), "Maildir", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // letter 5 is expunged by somebody else
		if content, _ := os.ReadFile(name); bytes.Contains(content, []byte("Subject: letter 5")) {
			os.Remove(name)
		}
	}
	m.fails(exit.Failed, "the message is not there any more", "show", "5")
	m.fails(exit.Failed, "postie sync work", "show", "5", "--raw")
	m.fails(exit.Failed, `"event":"error"`, "show", "5", "--json")
	m.postie("sync")
	m.fails(exit.BadUsage, "there is no message 5", "show", "5")
	out, code := m.run("show", "6", "-d", m.root)
	if code != exit.BadUsage || !strings.Contains(out, "which server") {
		t.Errorf("exit code %d: %s", code, out)
	}
	m.server.Stop()
	m.fails(exit.Connection, "Subject: letter 6", "show", "6")
	m.postie("show", "4")
}

// fails demands an exit code and a text.
func (m *mirrored) fails(code int, want string, args ...string) {
	m.Helper()
	out, got := m.run(args...)
	if got != code || !strings.Contains(out, want) {
		m.Errorf("postie %v: exit code %d, want %d with %q\n%s", args, got, code, want, out)
	}
}
