package main

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3/pop3test"
	"postie/testdata/dovecot"
)

// Damage that shows only when a table is read ends no run: the database is set aside, made anew from the mail, matched with the server,
// and that is said. Nothing is stored twice.
func TestDamageFoundInARun(t *testing.T) {
	s := pop3test.NewServer(pop3test.Options{})
	var all []pop3test.Message
	for n := range 10 {
		all = append(all, pop3test.Message{Body: []byte(letter(n)), UIDL: string(rune('a' + n))})
	}
	s.SetMaildrop("alice", "secret", all...)
	address, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	t.Setenv("PW", "secret")
	dir := filepath.Join(t.TempDir(), "inbox")
	fetch := func() (string, int) {
		var out strings.Builder
		code := run([]string{"fetch", "pop3://alice@" + address, "--tls", "none", "--password-env", "PW", "-d", dir, "--keep"}, &out, &out)
		return out.String(), code
	}
	if out, code := fetch(); code != exit.OK {
		t.Fatal(code, out)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ".postie.db"))
	if err == nil {
		_, err = db.Exec("DROP TABLE breaker_pop3")
	}
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	// So that the folder and the ledger are read.
	s.Append("alice", pop3test.Message{Body: []byte(letter(10)), UIDL: "new"})
	if err := os.WriteFile(filepath.Join(dir, "cur", "1.foreign:2,S"), []byte("Subject: foreign\n\ntext\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := fetch()
	if code != exit.OK || !strings.Contains(out, "set aside") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	n := 0
	for _, err := range maildir.Dir(dir).Scan() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 12 {
		t.Errorf("%d messages of 12", n)
	}
	if out, code := fetch(); code != exit.OK || strings.Contains(out, "set aside") {
		t.Errorf("again: exit code %d\n%s", code, out)
	}
}

// pop is a maildrop, and the Maildir that it is fetched into.
type pop struct {
	*testing.T
	server  *pop3test.Server
	address string
	dir     string
}

func newPop(t *testing.T) *pop {
	p := &pop{T: t, server: pop3test.NewServer(pop3test.Options{}), dir: filepath.Join(t.TempDir(), "inbox")}
	var err error
	p.address, err = p.server.Listen()
	must(t, err)
	t.Cleanup(func() { p.server.Close() })
	return p
}

// has gives the maildrop letters.
func (p *pop) has(from, to int) {
	var all []pop3test.Message
	for n := from; n < to; n++ {
		all = append(all, pop3test.Message{Body: []byte(letter(n)), UIDL: fmt.Sprint("uidl", n)})
	}
	p.server.SetMaildrop("alice", dovecot.Password, all...)
}

// fetch is one `postie fetch`.
func (p *pop) fetch(args ...string) (out string, code int) {
	var text strings.Builder
	code = run(append([]string{"fetch", "pop3://alice@" + p.address, "--tls", "none", "--password-env", "PW", "-d", p.dir}, args...), &text, &text)
	p.server.Wait()
	return text.String(), code
}

// letters counts those that are here.
func (p *pop) letters() map[int]int {
	p.Helper()
	all := map[int]int{}
	for e, err := range maildir.Dir(p.dir).Scan() {
		must(p.T, err)
		content, err := os.ReadFile(maildir.Dir(p.dir).Path(e))
		must(p.T, err)
		n := number(string(content))
		if string(content) != strings.ReplaceAll(letter(n), "\r\n", "\n") {
			p.Errorf("not what was sent: %.60q", content)
		}
		all[n]++
	}
	return all
}

// fetched is a Maildir with letters that stay on the server, some of them read and one removed here, and, below killed, the database
// and the journal of a run that was killed.
func fetched(t *testing.T, from, to int) (p *pop, killed string) {
	p = newPop(t)
	p.has(from, (from+to)/2)
	if out, code := p.fetch("--keep"); code != exit.OK {
		t.Fatal(code, out)
	}
	p.has(from, to)
	killed = t.TempDir()
	s, err := index.Open(t.Context(), maildir.Dir(p.dir), nil) // as long as it is open, its journal stays
	must(t, err)
	if out, code := p.fetch("--keep"); code != exit.OK {
		t.Fatal(code, out)
	}
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(p.dir, ".postie.db")+suffix, filepath.Join(killed, ".postie.db")+suffix)
	}
	must(t, s.Close())
	return p, killed
}

// survives demands that mischief to the database of a fetch loses and doubles nothing: what is here stays, what is on the server comes once.
func survives(t *testing.T, p *pop, template, killed string, m mischief) {
	t.Helper()
	must(t, os.RemoveAll(p.dir))
	must(t, os.CopyFS(p.dir, os.DirFS(template)))
	if m.killed {
		must(t, os.CopyFS(filepath.Join(p.dir, "x"), os.DirFS(killed)))
		for _, suffix := range []string{"", "-wal"} {
			must(t, os.Rename(filepath.Join(p.dir, "x", ".postie.db")+suffix, filepath.Join(p.dir, ".postie.db")+suffix))
		}
		must(t, os.Remove(filepath.Join(p.dir, "x")))
	}
	m.do(t, p.dir)
	p.has(0, 21)
	p.T = t
	var told []string
	code := -1
	for n := 0; n < 3 && code != exit.OK; n++ {
		var out string
		out, code = p.fetch("--keep")
		told = append(told, fmt.Sprintf("exit code %d: %s", code, strings.TrimSpace(out)))
		if code != exit.OK && strings.TrimSpace(out) == "" {
			t.Errorf("%s: exit code %d without a word", m.name, code)
		}
		if strings.Contains(out, "panic") || strings.Contains(out, "goroutine") {
			t.Errorf("%s: %s", m.name, out)
		}
	}
	if code != exit.OK && strings.Contains(told[0], "newer postie") {
		return
	}
	out, again := p.fetch("--keep")
	if code != exit.OK || again != exit.OK {
		t.Errorf("%s: exit code %d, %s\n%s", m.name, again, out, strings.Join(told, "\n"))
	}
	here := p.letters()
	for n := range 21 {
		if here[n] != 1 {
			t.Errorf("%s: lost or doubled: %v\n%s", m.name, here, strings.Join(told, "\n"))
			break
		}
	}
	if out, code := p.fetch(); code != exit.OK && code != exit.Guard {
		t.Errorf("%s: then exit code %d\n%s", m.name, code, out)
	}
	if end := p.letters(); !maps.Equal(here, end) {
		t.Errorf("%s: in the end %v", m.name, end)
	}
	for _, left := range p.server.Maildrop("alice") {
		t.Errorf("%s: %s is still on the server", m.name, left.UIDL)
	}
}

// A database that is damaged, cut, swapped, or older than the mail: what was fetched is not fetched again, what is here stays, and
// what is deleted on the server is here whole.
func TestFetchAfterMischief(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts postie for each accident")
	}
	template, killed := fetched(t, 0, 20)
	other, journal := fetched(t, 100, 110)
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(journal, ".postie.db")+suffix, filepath.Join(other.dir, ".postie.db")+suffix)
	}
	all := append(mischiefs(other.dir), emptied(t, template.dir)...)
	for n := range accidents(28) {
		all = append(all, accident(uint64(n)))
	}
	if testing.Short() {
		all = all[:20]
	}
	p := newPop(t)
	p.address, p.server = template.address, template.server
	for _, m := range all {
		survives(t, p, template.dir, killed, m)
	}
	t.Logf("%d kinds", len(all))
}
