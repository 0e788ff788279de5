package retrieve

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postie/maildir"
	"postie/pop3/pop3test"
)

// What is deleted on the server has to be here, octet for octet: a file that grew, or has other octets, is no copy, unless all that it has
// more is lines in its header, in one place. What another program compressed is unpacked.
func TestHolds(t *testing.T) {
	const header = "From: a@example.test\nSubject: letter\n  folded\nMessage-ID: <1@example.test>\n"
	body := "\n" + strings.Repeat("a line of it\n", 200)
	mail := header + body
	packed := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Write([]byte(text))
		w.Close()
		return out.String()
	}
	dir := maildir.Dir(t.TempDir())
	if err := dir.Ensure(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file string
		want state
	}{
		"as it was":                  {mail, whole},
		"CRLF":                       {strings.ReplaceAll(mail, "\n", "\r\n"), whole},
		"label above":                {"X-Label: seen\n" + mail, whole},
		"label below":                {header + "X-Label: seen\nX-Keywords: a,\n b\n" + body, whole},
		"label between":              {strings.Replace(mail, "Subject", "X-Bogosity: Ham\nSubject", 1), whole},
		"label twice the same":       {"X: y\nX: y\n" + mail, whole},
		"NULs behind":                {mail + strings.Repeat("\x00", 512), damaged},
		"NULs within":                {mail[:900] + strings.Repeat("\x00", 512) + mail[900:], damaged},
		"NULs instead":               {strings.Repeat("\x00", len(mail)), damaged},
		"NULs instead, and more":     {strings.Repeat("\x00", len(mail)+4096), damaged},
		"text behind":                {mail + "another text\n", damaged},
		"text before":                {"another text\n\n" + mail, damaged},
		"another of that length":     {strings.ReplaceAll(mail, "a line", "A LINE"), damaged},
		"another, longer":            {strings.ReplaceAll(mail, "a line", "another line"), damaged},
		"label, and cut":             {"X-Label: seen\n" + mail[:len(mail)-13], damaged},
		"label, and body of another": {"X-Label: seen\n" + header + strings.ReplaceAll(body, "a line", "A LINE"), damaged},
		"longer body":                {header + body + body, damaged},
		"cut":                        {mail[:len(mail)/2], damaged},
		"empty":                      {"", damaged},
		"gzip":                       {packed(mail), whole},
		"gzip of another":            {packed(mail + "x\n"), damaged},
		"gzip, cut":                  {packed(mail)[:len(packed(mail))/2], damaged},
		"gzip, two octets":           {"\x1f\x8b" + strings.Repeat("\x00", 4000), damaged},
		"bzip2, three octets":        {"BZh" + mail, damaged},
		"zstd":                       {"\x28\xb5\x2f\xfd" + mail, unproved},
		"xz":                         {"\xfd7zXZ\x00" + mail, unproved},
		"lz4 of Dovecot":             {"Dovecot-LZ4\x0d\x2a\x9b\xc5" + mail, unproved},
		"encrypted by Dovecot":       {"CRYPTED\x03\x07" + mail, unproved},
		"DoveX":                      {"DoveX" + mail, damaged},
	} {
		wire, err := maildir.WireOf(strings.NewReader(mail))
		if err != nil {
			t.Fatal(err)
		}
		p := place{dir, maildir.EntryOf("1.host", true)}
		if err := os.WriteFile(dir.Path(p.entry), []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := p.holds(wire); err != nil || got != tt.want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

// What is due and cannot be looked into stays on the server, and that is said; all else goes.
func TestDueAndCompressed(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(20)...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	for i, e := range w.keys() {
		text, err := os.ReadFile(w.dir.Path(e))
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		if i%2 == 0 {
			packed.WriteString("\x28\xb5\x2f\xfd" + string(text))
		} else {
			g := gzip.NewWriter(&packed)
			g.Write(text)
			g.Close()
		}
		if err := os.WriteFile(w.dir.Path(e), packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		report := w.ok(Policy{MaxDelete: .3})
		said := slices.ContainsFunc(w.events, func(e Event) bool {
			notice, ok := e.(Notice)
			return ok && strings.HasPrefix(notice.Text, "10 messages are due")
		})
		if left := len(w.server.Maildrop("alice")); report.New > 0 || report.Deleted != []int{10, 0}[n] || left != 10 || len(w.keys()) != 20 || !said {
			t.Errorf("%d new, %d deleted, %d left, said %v", report.New, report.Deleted, left, said)
		}
	}
}

// What takes the place of a message that is due, under its name, is no copy of it: the message is fetched again before it is deleted
// there, once.
func TestDueAndReplaced(t *testing.T) {
	for kind, make := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink("/etc/passwd", path) },
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.MkdirAll(path+"/full", 0o700) },
		"empty":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, pop3test.Options{}, few(20)...)
			w.ok(Policy{Keep: Keep{Mode: Forever}})
			path := w.dir.Path(w.keys()[3])
			if err := errors.Join(os.Remove(path), make(path)); err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				report := w.ok(Policy{MaxDelete: .3})
				if left := len(w.server.Maildrop("alice")); report.New != []int{1, 0, 0}[n] || report.Failed > 0 || left > 0 && n > 0 {
					t.Errorf("run %d: %+v, %d left", n, report, left)
				}
			}
		})
	}
}
