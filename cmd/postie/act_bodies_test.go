package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// mirrored is an IMAP account on a Dovecot, "work", and what its commands print.
type mirrored struct {
	testing.TB
	server *dovecot.Server
	config string
	root   string
}

func newMirrored(t testing.TB, extra string, n int) *mirrored {
	m := &mirrored{TB: t, server: dovecot.Start(t, dovecot.Options{}), root: filepath.Join(t.TempDir(), "work")}
	t.Setenv("PW", dovecot.Password)
	m.config = filepath.Join(t.TempDir(), "config.toml")
	config := fmt.Sprintf("[account.work]\nprotocol = \"imap\"\nhost = %q\nport = %d\ntls = \"none\"\nuser = \"alice\"\npassword_env = \"PW\"\nmaildir = %q\n%s\n",
		dovecot.Host, m.server.IMAP, m.root, extra)
	if err := os.WriteFile(m.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m.server.Deliver(t, "alice", fmt.Appendf(nil, "Message-ID: <%d@x.test>\r\nFrom: ann@x.test\r\nSubject: letter %d\r\n\r\nbody%d\r\n", i+1, i+1, i+1))
	}
	m.postie("sync")
	return m
}

// run runs postie and returns what it prints, and the exit code.
func (m *mirrored) run(args ...string) (string, int) {
	var out bytes.Buffer
	code := run(append([]string{"-c", m.config}, args...), &out, &out)
	return out.String(), code
}

// postie runs it, which must go well.
func (m *mirrored) postie(args ...string) string {
	m.Helper()
	out, code := m.run(args...)
	if code != exit.OK {
		m.Fatalf("postie %v: exit code %d\n%s", args, code, out)
	}
	return out
}

// ids are those of the lines of a list, sorted.
func (m *mirrored) ids(args ...string) string {
	m.Helper()
	ids := regexp.MustCompile(`(?m)^work/\S+`).FindAllString(m.postie(args...), -1)
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func (m *mirrored) want(what, got, want string) {
	m.Helper()
	if got != want {
		m.Errorf("%s: %s, want %s", what, got, want)
	}
}

// there lists a mailbox of the server, its folder given: subject and flags of each message.
func (m *mirrored) there(folder string) string {
	m.Helper()
	dir := maildir.Dir(filepath.Join(m.server.Home("alice"), "Maildir", folder))
	var all []string
	for e, err := range dir.Scan() {
		if err != nil {
			m.Fatal(err)
		}
		content, err := os.ReadFile(dir.Path(e))
		if err != nil {
			m.Fatal(err)
		}
		subject := regexp.MustCompile(`(?m)^Subject: letter (\d+)`).FindSubmatch(content)
		all = append(all, string(subject[1])+e.Set.String())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Summaries only: all is there but the bodies, and changes wait for the next sync.
func TestActWithoutBodies(t *testing.T) {
	m := newMirrored(t, `bodies = "none"`, 5)
	m.want("list", m.ids("list"), "work/INBOX/1 work/INBOX/2 work/INBOX/3 work/INBOX/4 work/INBOX/5")
	m.want("search", m.ids("search", "letter 3"), "work/INBOX/3")
	if out := m.postie("list", "--json", "--limit", "1"); !strings.Contains(out, `"uid":5,"key":null,"path":null`) {
		t.Error(out)
	}
	m.postie("mark", "1", "2", "--flagged")
	m.postie("mark", "1", "--seen")
	m.postie("move", "3", "Archive", "--create")
	m.postie("delete", "4")
	m.want("flagged", m.ids("list", "--flagged"), "work/INBOX/1 work/INBOX/2")
	m.want("list", m.ids("list"), "work/Archive/3 work/INBOX/1 work/INBOX/2 work/INBOX/5")
	m.want("moved", m.ids("list", "-m", "Archive"), "work/Archive/3")
	if out := m.postie("status"); !regexp.MustCompile(`work/INBOX +3 +2 +2 +4\n`).MatchString(out) || !regexp.MustCompile(`work/Archive +1 +1 +- +-\n|work/Archive +1 +1 +0 +-\n`).MatchString(out) {
		t.Error(out)
	}
	m.postie("mark", "5", "--flagged") // and back: that is no change
	m.postie("mark", "5", "--unflagged")
	m.postie("move", "5", "Archive")
	m.postie("move", "5", "inbox")
	if out := m.postie("status", "--json"); !strings.Contains(out, `"waiting":4,"last_success"`) {
		t.Error(out)
	}
	m.postie("sync")
	m.want("on the server", m.there("."), "1FS 2F 5")
	m.want("in Archive", m.there(".Archive"), "3")
	m.want("after sync", m.ids("list", "-m", "INBOX"), "work/INBOX/1 work/INBOX/2 work/INBOX/5")
	m.want("moved", m.ids("search", "subject:3"), "work/Archive/3")
	if out := m.postie("status"); !regexp.MustCompile(`work/INBOX +3 +2 +2 +-\n`).MatchString(out) {
		t.Error(out)
	}
}

// With bodies, changes are made in the Maildir; what another program does there shows at once.
func TestActWithBodies(t *testing.T) {
	m := newMirrored(t, "", 6)
	store, err := index.Open(t.Context(), maildir.Dir(m.root), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if n, err := query.Unindexed(t.Context(), store, -1); n > 0 || err != nil {
		t.Errorf("%d messages were left to the first search, %v", n, err)
	}
	m.want("bodies are found", m.ids("search", "body2"), "work/INBOX/2")
	m.postie("mark", "1", "--flagged", "--seen", "--keyword", "todo")
	m.postie("move", "2", "Lists/go", "--create")
	m.postie("delete", "3")
	inbox := maildir.Dir(filepath.Join(m.root, "INBOX"))
	other := map[string]maildir.Entry{} // what another program does: 4 answered, 5 removed
	for e, err := range inbox.Scan() {
		if err != nil {
			t.Fatal(err)
		}
		content, _ := os.ReadFile(inbox.Path(e))
		other[regexp.MustCompile(`letter \d`).FindString(string(content))] = e
	}
	if _, err := inbox.SetFlags(other["letter 4"], maildir.FlagReplied, ""); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Remove(other["letter 5"]); err != nil {
		t.Fatal(err)
	}
	m.want("list", m.ids("list"), "work/INBOX/1 work/INBOX/4 work/INBOX/6 work/Lists/go/2")
	m.want("answered", m.ids("search", "is:answered"), "work/INBOX/4")
	m.postie("show", "work/INBOX/2")
	m.postie("sync")
	m.want("on the server", m.there("."), "1FS 4R 6")
	m.want("moved", m.there(".Lists.go"), "2")
	m.want("IDs stay", m.ids("list"), "work/INBOX/1 work/INBOX/4 work/INBOX/6 work/Lists/go/2")

	// free: the body is gone here, and nowhere else; what waits for a sync is not freed.
	m.postie("free", "6")
	m.want("listed", m.ids("search", "body6"), "work/INBOX/6")
	if out := m.postie("list", "--json", "-m", "INBOX", "--limit", "1"); !strings.Contains(out, `"path":null`) {
		t.Error(out)
	}
	m.postie("mark", "4", "--seen")
	if out, code := m.run("free", "4"); code != exit.Failed || !strings.Contains(out, "run postie sync first") {
		t.Errorf("exit code %d: %s", code, out)
	}
	m.postie("sync", "--bodies", "none")
	m.want("on the server", m.there("."), "1FS 4RS 6")
	m.postie("sync")
	m.postie("show", "6")
	m.want("on the server", m.there("."), "1FS 4RS 6")
}
