package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"postie/maildir"
)

// file is where the message of a subject lies in a mailbox.
func (m *mirrored) file(mailbox, subject string) (maildir.Dir, maildir.Entry) {
	m.Helper()
	dir := maildir.Dir(filepath.Join(m.root, mailbox))
	for e, err := range dir.Scan() {
		if err != nil {
			m.Fatal(err)
		}
		content, _ := os.ReadFile(dir.Path(e))
		if regexp.MustCompile(`(?m)^Subject: ` + subject + `$`).Match(content) {
			return dir, e
		}
	}
	m.Fatalf("no %q in %s", subject, mailbox)
	return "", maildir.Entry{}
}

func (m *mirrored) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// What another program does in a mirrored Maildir shows at once, under NUMBERs that stay, and the next sync finds it as if
// nobody had looked.
func TestOtherPrograms(t *testing.T) {
	m := newMirrored(t, "", 6)
	m.postie("move", "1", "Archive", "--create")
	m.postie("sync")
	deliver := func(name, subject string) {
		content := "Message-ID: <" + name + "@x.test>\nFrom: bob@x.test\nSubject: " + subject + "\n\nword" + name + "\n"
		m.must(os.WriteFile(filepath.Join(m.root, "INBOX", name), []byte(content), 0o600))
	}
	deliver("new/7.other", "letter 7")
	deliver("cur/8.other:2,FS", "letter 8")
	m.want("new files", m.ids("list", "-m", "INBOX"), "work/INBOX/2 work/INBOX/3 work/INBOX/4 work/INBOX/5 work/INBOX/6 work/INBOX/7 work/INBOX/8")
	m.want("searched", m.ids("search", "wordnew OR is:flagged"), "work/INBOX/7 work/INBOX/8")
	m.want("removed again", func() string { m.postie("delete", "8"); return m.ids("search", "letter 8") }(), "")
	m.postie("mark", "7", "--answered")
	if out := m.postie("status"); !regexp.MustCompile(`work/INBOX +6 +6 +0 +1\n`).MatchString(out) {
		t.Error(out)
	}
	dir, e := m.file("INBOX", "letter 2") // moved by a rename, and read
	m.must(os.Rename(dir.Path(e), filepath.Join(m.root, "Archive", "cur", string(e.Key)+":2,S")))
	dir, e = m.file("INBOX", "letter 3") // moved by a copy, as mutt does
	content, err := os.ReadFile(dir.Path(e))
	m.must(err)
	m.must(os.WriteFile(filepath.Join(m.root, "Archive", "cur", "copy.other:2,F"), content, 0o600))
	m.want("copied", m.ids("list", "-m", "Archive"), "work/Archive/1 work/Archive/2 work/Archive/9")
	m.must(os.Remove(dir.Path(e)))
	dir, e = m.file("INBOX", "letter 4") // under another key
	m.must(os.Rename(dir.Path(e), filepath.Join(m.root, "Archive", "cur", "other.other:2,R")))
	dir, e = m.file("INBOX", "letter 5")
	m.must(os.Remove(dir.Path(e)))
	m.want("all", m.ids("list"), "work/Archive/1 work/Archive/2 work/Archive/4 work/Archive/9 work/INBOX/6 work/INBOX/7")
	m.want("flags", m.ids("search", "is:answered"), "work/Archive/4 work/INBOX/7")
	m.postie("show", "work/INBOX/4")
	m.postie("sync")
	m.want("INBOX on the server", m.there("."), "6 7R")
	m.want("Archive on the server", m.there(".Archive"), "1 2S 3F 4R")
	m.want("after sync", m.ids("list", "-m", "INBOX"), "work/INBOX/6 work/INBOX/7")
	m.want("2 and 4 keep their NUMBERs", m.ids("search", "is:answered OR is:read"), "work/Archive/2 work/Archive/4 work/INBOX/7")
	if out := m.postie("sync", "--json"); !regexp.MustCompile(`"new":0,"uploaded":0,.*"deleted_local":0,"deleted_remote":0`).MatchString(out) {
		t.Error(out)
	}
	if out := m.postie("status"); !regexp.MustCompile(`work/Archive +4 +3 +1 +-\nwork/INBOX +2 +2 +0 +-|work/INBOX +2 +2 +0 +-\nwork/Archive +4 +3 +1 +-`).MatchString(out) {
		t.Error(out)
	}
}

// A message that was moved here and removed on the server meanwhile is one message after the next sync, however often it runs.
func TestMovedAndGone(t *testing.T) {
	m := newMirrored(t, "", 3)
	m.postie("move", "1", "Archive", "--create")
	there := maildir.Dir(filepath.Join(m.server.Home("alice"), "Maildir"))
	for e, err := range there.Scan() {
		m.must(err)
		if content, _ := os.ReadFile(there.Path(e)); regexp.MustCompile(`letter 1\r?\n`).Match(content) {
			m.must(there.Remove(e))
		}
	}
	m.postie("sync")
	for range 3 {
		m.want("list", m.ids("list"), "work/Archive/1 work/INBOX/2 work/INBOX/3")
		m.want("Archive on the server", m.there(".Archive"), "1")
		m.postie("sync")
	}
}
