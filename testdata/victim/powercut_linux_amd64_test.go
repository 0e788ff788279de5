package victim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const envDir = "POSTIE_TEST_DIR"

func TestMain(m *testing.M) {
	Main(m, map[string]func() error{
		"careless": func() error { return store(func(*os.File) error { return nil }, func(string) error { return nil }) },
		"names":    func() error { return store(func(*os.File) error { return nil }, syncDir) },
		"contents": func() error { return store((*os.File).Sync, func(string) error { return nil }) },
		"careful":  func() error { return store((*os.File).Sync, syncDir) },
	})
}

// store writes a file, renames it into another folder, and takes an old one away.
func store(file func(*os.File) error, folder func(string) error) error {
	dir := os.Getenv(envDir)
	f, err := os.Create(filepath.Join(dir, "tmp", "a"))
	if err == nil {
		_, err = f.WriteString("content")
	}
	err = errors.Join(err, file(f), f.Close(), os.Rename(filepath.Join(dir, "tmp", "a"), filepath.Join(dir, "new", "a")), folder(filepath.Join(dir, "new")))
	return errors.Join(err, os.Remove(filepath.Join(dir, "old")), folder(dir))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// root is a tree in which store works, and a copy of it.
func root(t *testing.T) (dir, before string) {
	dir, before = filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "before")
	for _, sub := range []string{"tmp", "new"} {
		must(t, os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o600))
	must(t, os.CopyFS(before, os.DirFS(dir)))
	return dir, before
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree lists files with their contents.
func tree(t *testing.T, dir string) string {
	var all []string
	for _, name := range []string{"old", "tmp/a", "new/a"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			all = append(all, fmt.Sprintf("%s=%s", name, b))
		}
	}
	return strings.Join(all, " ")
}

// What is not vouched for may be lost in each way; what is, is there in every image.
func TestAfterPowerCut(t *testing.T) {
	for role, want := range map[string][Images]string{
		"careless": {"old=old", "new/a=", "old=old", "new/a=content"},
		"names":    {"new/a=", "new/a=", "new/a=content", "new/a=content"},
		"contents": {"old=old", "new/a=content", "old=old", "new/a=content"},
		"careful":  {"new/a=content", "new/a=content", "new/a=content", "new/a=content"},
	} {
		dir, before := root(t)
		log := filepath.Join(t.TempDir(), "log")
		if out, killed, err := Run(Traced(Fault{Root: dir, Log: log}, role, envDir+"="+dir)); err != nil || killed {
			t.Fatal(out, err)
		}
		ops, _, err := Ops(log)
		must(t, err)
		for image := range Images + 20 {
			into := filepath.Join(t.TempDir(), "image")
			must(t, AfterPowerCut(before, dir, ops, image, into))
			got := tree(t, into)
			if role == "names" || role == "careful" { // the rename is there, and its old name may be too
				got = strings.Replace(got, "tmp/a="+strings.TrimPrefix(got[strings.LastIndex(got, "new/a="):], "new/a=")+" ", "", 1)
			}
			if image < Images && got != want[image] || role == "careful" && got != want[0] {
				t.Errorf("%s, image %d: %q, want %q", role, image, got, want[min(image, Images-1)])
			}
		}
	}
}

// Each call on a file below the root can fail, and be the last.
func TestFaults(t *testing.T) {
	only := []string{"open", "write", "fsync", "rename", "unlink"} // whose errors matter
	for at := 1; ; at++ {
		dir, _ := root(t)
		out, killed, err := Run(Traced(Fault{Root: dir, At: at, Only: only}, "careful", envDir+"="+dir))
		must(t, err)
		if !killed {
			if at < 8 {
				t.Errorf("only %d calls: %s", at, out)
			}
			return
		}
		dir, _ = root(t)
		out, killed, err = Run(Traced(Fault{Root: dir, At: at, Only: only, Err: unix.EIO}, "careful", envDir+"="+dir))
		if killed || err == nil || !strings.Contains(out, "input/output error") {
			t.Errorf("call %d: %v %v %s", at, killed, err, out)
		}
	}
}
