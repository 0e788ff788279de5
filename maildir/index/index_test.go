package index

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
)

// newRoot makes an empty Maildir.
func newRoot(t testing.TB) maildir.Dir {
	t.Helper()
	root := maildir.Dir(filepath.Join(t.TempDir(), "mail box %?#"))
	if err := root.Ensure(); err != nil {
		t.Fatal(err)
	}
	return root
}

// open opens the index of a root until the end of the test.
func open(t testing.TB, root maildir.Dir, o *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) // of a store that is closed: harmless
	return s
}

// put writes a file as another mail program would.
func put(t testing.TB, dir maildir.Dir, rel, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(dir), rel), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t testing.TB, from maildir.Dir, rel string, to maildir.Dir, rel2 string) {
	t.Helper()
	if err := os.Rename(filepath.Join(string(from), rel), filepath.Join(string(to), rel2)); err != nil {
		t.Fatal(err)
	}
}

func letter(n int) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: letter %d\nMessage-ID: <%d@example.org>\n"+
		"Date: Mon, 03 Nov 2025 10:00:00 +0000\n\nHello %d.\n", n, n, n)
}

// refreshed is what Refresh did. Folders that the test changed get an mtime of their own in the past before, because
// their real ones would not be settled, and two within one tick of the clock would be equal.
func refreshed(t testing.TB, s *Store) Refreshed {
	t.Helper()
	var folders []string
	var err error
	for _, pattern := range []string{"[cn][ue][rw]", ".*/[cn][ue][rw]"} {
		more, err2 := fs.Glob(os.DirFS(string(s.root)), pattern)
		folders, err = append(folders, more...), errors.Join(err, err2)
	}
	for _, f := range folders {
		path := filepath.Join(string(s.root), f)
		info, err2 := os.Stat(path)
		if err2 == nil && time.Since(info.ModTime()) < time.Hour {
			past := time.Unix(0, info.ModTime().UnixNano()/4+int64(rand.Uint32()))
			err2 = os.Chtimes(path, past, past)
		}
		err = errors.Join(err, err2)
	}
	r, err2 := s.Refresh(t.Context())
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return r
}

// all lists the whole index, the oldest NUMBER first.
func all(t testing.TB, s *Store) []Message {
	t.Helper()
	ms, err := s.messages(t.Context(), "TRUE")
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// lines shows messages as "ID MAILBOX REL FLAGS SUBJECT".
func lines(t testing.TB, s *Store) []string {
	var out []string
	for _, m := range all(t, s) {
		out = append(out, fmt.Sprintf("%d %s %s %s %s", m.ID, m.Mailbox, m.Entry.Rel(), m.Flags.Set, m.Summary.Subject))
	}
	return out
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
