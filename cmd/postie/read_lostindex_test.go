package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
)

// make makes a mailbox, its folder given, here and by a sync on the server.
func (m *mirrored) make(folder string) {
	m.Helper()
	if err := maildir.Dir(filepath.Join(m.root, folder)).Ensure(); err != nil {
		m.Fatal(err)
	}
	m.postie("sync")
}

// A list between the loss of the index and the next sync takes nothing from that sync: mail is matched, not doubled, also where
// another program keeps folders under names of its own.
func TestListBeforeRecovery(t *testing.T) {
	for _, layout := range []string{"fs", "maildir++"} {
		m := newMirrored(t, "layout = \""+layout+"\"", 4)
		m.make(map[string]string{"fs": "Lists/go", "maildir++": ".Lists.go"}[layout])
		m.postie("move", "2", "Lists/go")
		m.postie("sync")
		if layout == "fs" {
			if err := os.Rename(filepath.Join(m.root, "Lists", "go"), filepath.Join(m.root, "Lists.go")); err != nil { // as mbsync with Flatten has it
				t.Fatal(err)
			}
		}
		files, _ := filepath.Glob(filepath.Join(m.root, ".postie*"))
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		if out := m.postie("list"); strings.Count(out, "work/") != 4 {
			t.Errorf("%s: listed before the sync:\n%s", layout, out)
		}
		if out := m.postie("sync"); !strings.Contains(out, "nothing new") {
			t.Errorf("%s: %s", layout, out)
		}
		m.want("in INBOX", m.there("."), "1 3 4")
		m.want("in Lists/go", m.there(".Lists.go"), "2")
		if out := m.postie("list"); strings.Count(out, "work/") != 4 || strings.Count(out, "work/Lists/go/") != 1 {
			t.Errorf("%s: listed after the sync:\n%s", layout, out)
		}
		m.want("found", m.ids("search", "body2"), strings.TrimSpace(m.ids("list", "-m", "Lists/go")))
	}
}

// index --rebuild passes over what was moved or deleted and waits for the next sync, and names what it cannot read.
func TestRebuildBeforeSync(t *testing.T) {
	m := newMirrored(t, "", 4)
	m.make("Archive")
	m.postie("move", "1", "Archive")
	m.postie("delete", "2")
	m.postie("index", "--rebuild")
	m.want("found", m.ids("search", "letter"), "work/Archive/1 work/INBOX/3 work/INBOX/4")

	files, err := filepath.Glob(filepath.Join(m.root, "INBOX", "*", "*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere-"+filepath.Base(files[0]), files[0]); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	out, code := m.run("index", "--rebuild")
	if code != exit.Partial || !strings.Contains(out, "work/INBOX/3") || !strings.Contains(out, files[0]) || strings.Contains(out, "work/INBOX/2") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
