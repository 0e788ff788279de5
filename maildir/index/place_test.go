package index

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/maildir"
)

// stateStep opens a root with a state folder, says what was set aside (without folder) and how many messages are
// known, and adds one.
func stateStep(t *testing.T, root maildir.Dir, state string) (aside string, known int) {
	t.Helper()
	s := open(t, root, &Options{State: state})
	defer s.Close()
	known = len(all(t, s))
	enter(t, s, []Message{sample(known)})
	return s.SetAside(), known
}

func TestState(t *testing.T) {
	state := filepath.Join(t.TempDir(), "sub", "state")
	parent := t.TempDir()
	in := func(name string) maildir.Dir { return maildir.Dir(filepath.Join(parent, name)) }
	step := func(name string, root maildir.Dir, wantAside bool, wantKnown int) {
		t.Helper()
		aside, known := stateStep(t, root, state)
		want(t, name, []any{aside != "", known}, []any{wantAside, wantKnown})
		if wantAside && !exists(aside) {
			t.Errorf("%s: there is no %s", name, aside)
		}
	}
	ensure := func(d maildir.Dir) {
		t.Helper()
		if err := d.Ensure(); err != nil {
			t.Fatal(err)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a, b := in("a"), in("b")
	ensure(a)
	ensure(b)
	step("first", a, false, 0)
	step("second", a, false, 1)
	step("another root", b, false, 0)
	names, _ := filepath.Glob(string(a) + "/.postie*")
	want(t, "files in the root", names, []string{string(a) + "/.postie.id"})

	do(os.Rename(string(a), string(in("c"))))
	step("moved", in("c"), false, 2)
	do(os.Symlink(string(in("c")), string(in("link"))))
	step("by another name", in("link"), false, 3)

	do(os.RemoveAll(string(in("c"))))
	ensure(in("c"))
	step("wiped", in("c"), true, 0)
	step("after that", in("c"), false, 1)

	do(os.Rename(string(b), string(in("b away"))))
	do(os.Rename(string(in("c")), string(b)))
	step("replaced by one that is known", b, true, 2)
	do(os.Rename(string(b), string(in("c"))))
	do(os.Rename(string(in("b away")), string(b)))
	step("and back", b, true, 1)
	step("both", in("c"), false, 3)

	do(os.CopyFS(string(in("copy")), os.DirFS(string(b))))
	ensure(in("copy"))
	step("a copy has a life of its own", in("copy"), false, 0)
	step("so has what it was copied from", b, false, 2)

	do(os.WriteFile(filepath.Join(string(b), ".postie.id"), []byte("../../../etc/passwd\n"), 0o600))
	step("an id that cannot be one", b, true, 0)
}

func TestStateDamaged(t *testing.T) {
	root, state := newRoot(t), t.TempDir()
	stateStep(t, root, state)
	dbs, _ := filepath.Glob(state + "/*.db")
	if err := os.WriteFile(dbs[0], []byte(strings.Repeat("garbage", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	aside, known := stateStep(t, root, state)
	want(t, "damaged", []any{strings.HasPrefix(aside, dbs[0]+".damaged-"), known}, "[true 0]")
}
