package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/maildir"
)

const letter = "Subject: %s\nMessage-ID: <%[1]s@x>\nDate: Mon, 03 Nov 2025 10:00:00 +0000\n\ntext\n"

func put(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

// read gives what is found below a root: "MAILBOX SUBJECT [FLAGS KEYWORDS] DATE", and what is not fit or foreign.
func read(t *testing.T, root string, o Options) (all []string) {
	t.Helper()
	tree, err := Find(root, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tree.Mailboxes {
		all = append(all, m.Name)
		for msg, err := range m.Read(t.Context()) {
			if err != nil {
				all = append(all, strings.ReplaceAll(err.Error(), root+"/", ""))
				continue
			}
			r, err := msg.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if int64(len(text)) != msg.Size || err != nil || strings.Contains(strings.ReplaceAll(string(text), "\r\n", ""), "\n") {
				t.Errorf("%s: %d octets, want %d; %v", msg.Where, len(text), msg.Size, err)
			}
			r.Close()
			all = append(all, fmt.Sprintf("%s %s [%s %s] %s", m.Name, msg.Subject, msg.Flags.Set, msg.Flags.Keywords, msg.Date.UTC().Format("2006-01-02")))
		}
	}
	for _, f := range tree.Foreign {
		all = append(all, "foreign "+strings.TrimPrefix(f, root+"/"))
	}
	return all
}

func l(subject string) string { return fmt.Sprintf(letter, subject) }

func TestFind(t *testing.T) {
	mark := "From a@b Mon Nov  3 10:00:00 2025\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"our tree": {map[string]string{"INBOX/cur/1.a:2,FSa": l("a"), "INBOX/new/2.b": l("b"), "Lists/go/cur/3.c:2,": l("c"), "INBOX/dovecot-keywords": "0 work\n", ".postie.db": "x", "INBOX/dovecot.index": "\x00"},
			[]string{"INBOX", "INBOX a [FS work] 2001-09-09", "INBOX b [ ] 2001-09-09", "Lists/go", "Lists/go c [ ] 2001-09-09"}},
		"Dovecot's": {map[string]string{"cur/1.a:2,S": l("a"), ".Entw&APw-rfe.x/cur/2.b:2,D": l("b"), "subscriptions": "V\t2\n"},
			[]string{"Entwürfe/x", "Entwürfe/x b [D ] 2001-09-09", "INBOX", "INBOX a [S ] 2001-09-09"}},
		"mbsync's":  {map[string]string{"inbox/cur/1.a,U=1:2,S": l("a"), "Lists/.go/cur/2.b,U=2:2,": l("b")}, []string{"INBOX", "INBOX a [S ] 2001-09-09", "Lists/go", "Lists/go b [ ] 2001-09-09"}},
		"a Maildir": {map[string]string{"cur/1.a:2,": l("a"), "new/2.b": ""}, []string{"INBOX", "INBOX a [ ] 2001-09-09", "new/2.b: it holds nothing"}},
		"mbox files": {map[string]string{"Inbox": mark + "Status: RO\n" + l("a") + "\n", "Archives.sbd/2019": "From - Mon Nov  3 10:00:00 2025\n" + l("b") + "\n", "Sent.mbox": mark + l("c"), "Sent.msf": "x", "notes.txt": "hello", "Trash": "", "Trash.msf": "x"},
			[]string{"Archives/2019", "Archives/2019 b [ ] 2025-11-03", "INBOX", "INBOX a [S ] 2025-11-03", "Sent", "Sent c [ ] 2025-11-03", "Trash", "foreign notes.txt"}},
		"eml": {map[string]string{"a.eml": l("a"), "Sub/20240102-030405-b.EML": l("b"), "Sub/c.eml": "\x89PNG"}, []string{"INBOX", "INBOX a [ ] 2025-11-03", "Sub", "Sub b [ ] 2024-01-02", "foreign Sub/c.eml"}},
		"a cut mbox": {map[string]string{"x": mark + l("a") + "\n" + mark + "Subject: half", "y": mark + "no header at all, but\n\ntext\n"},
			[]string{"x", "x a [ ] 2025-11-03", "x, line 8: the file ends within its header: it is not whole", "y", "y, line 1: it has no header, so it is no message"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, c.files)
			if got := read(t, root, Options{}); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// One file is named; it may be what it is not called.
func TestFindFile(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"old.mbox": "From a Mon Nov  3 10:00:00 2025\n" + l("a"), "b.eml": l("b"), "c": "\x00"})
	for name, want := range map[string]string{"old.mbox": "old a", "b.eml": "INBOX b"} {
		if got := read(t, filepath.Join(root, name), Options{}); len(got) != 2 || !strings.HasPrefix(got[1], want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := Find(filepath.Join(root, "c"), Options{}); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Error(err)
	}
	if _, err := Find(filepath.Join(root, "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// What the index knows and no name tells.
func TestKnown(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"long%-0123456789abcdef/cur/1.a:2,S": l("a")})
	o := Options{Name: func(string) string { return "long name" }, Keywords: func(maildir.Key) maildir.Keywords { return "k27" }}
	if got := read(t, root, o); !slices.Equal(got, []string{"long name", "long name a [S k27] 2001-09-09"}) {
		t.Errorf("%q", got)
	}
}

// A file that was replaced, or an mbox that grows, is not taken for what it was.
func TestChanged(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"cur/1.a:2,": l("a"), "box": "From a Mon Nov  3 10:00:00 2025\n" + l("b")})
	for _, path := range []string{root, filepath.Join(root, "box")} {
		tree, err := Find(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for msg, err := range tree.Mailboxes[0].Read(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			file := strings.Split(msg.Where, ", line")[0]
			if f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0); err != nil {
				t.Fatal(err)
			} else if _, err := f.WriteString("more\n"); err != nil || f.Close() != nil {
				t.Fatal(err)
			}
			if _, err := msg.Open(); !errors.Is(err, ErrChanged) {
				t.Errorf("%s: %v", msg.Where, err)
			}
		}
	}
}
