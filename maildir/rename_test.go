package maildir

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
)

func TestSetFlags(t *testing.T) {
	d := newDir(t)
	touch(t, d, "new/1,S=7")
	e, err := d.SetFlags(EntryOf("1,S=7", true), 0, "")
	must(t, err)
	for _, step := range []struct {
		set     FlagSet
		letters string
		want    string
	}{
		{0, "", "new/1,S=7"},
		{FlagSeen, "", "cur/1,S=7:2,S"},
		{FlagSeen, "", "cur/1,S=7:2,S"},
		{FlagSeen, "ba", "cur/1,S=7:2,Sab"},
		{0, "", "cur/1,S=7:2,"},
	} {
		e, err = d.SetFlags(e, step.set, step.letters)
		must(t, err)
		if got := list(t, d); e.Rel() != step.want || !slices.Equal(got, []string{step.want}) {
			t.Errorf("%v %q: %v, on disk %q", step.set, step.letters, e, got)
		}
	}
}

func TestRenameOfWhatIsGone(t *testing.T) {
	d, to := newDir(t), newDir(t)
	e := EntryOf("1", true)
	_, err1 := d.SetFlags(e, FlagSeen, "")
	_, err2 := d.MoveTo(e, to)
	err3 := d.Remove(e)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// Two files with one key: neither is lost.
func TestRenameNeverOverwrites(t *testing.T) {
	d, to := newDir(t), newDir(t)
	touch(t, d, "new/1")
	touch(t, d, "cur/1:2,S")
	touch(t, to, "new/1")
	if _, err := d.SetFlags(EntryOf("1", true), FlagSeen, ""); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := d.MoveTo(EntryOf("1", true), to); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got := list(t, d); !slices.Equal(got, []string{"cur/1:2,S", "new/1"}) {
		t.Errorf("%q", got)
	}
	if b, _ := os.ReadFile(d.sub("cur/1:2,S")); string(b) != "cur/1:2,S" {
		t.Errorf("overwritten: %s", b)
	}
}

func TestRename(t *testing.T) {
	for i, move := range []func(from, to string) error{rename, renameAfterLook} {
		d := newDir(t)
		touch(t, d, "cur/1")
		touch(t, d, "cur/2")
		if err := move(d.sub("cur/1"), d.sub("cur/2")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d: onto a file: %v", i, err)
		}
		must(t, move(d.sub("cur/1"), d.sub("cur/3")))
		if err := move(d.sub("cur/1"), d.sub("cur/4")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: what is gone: %v", i, err)
		}
		if got := list(t, d); !slices.Equal(got, []string{"cur/2", "cur/3"}) {
			t.Errorf("%d: %q", i, got)
		}
	}
}

func TestMoveTo(t *testing.T) {
	d, to := newDir(t), newDir(t)
	touch(t, d, "new/1")
	touch(t, d, "cur/2:2,Sabz")
	touch(t, d, "cur/3:2,fz") // f means something else over there, z nothing
	must(t, os.WriteFile(d.sub(keywordFile), []byte("0 red\n1 blue\n"), 0o600))
	must(t, os.WriteFile(to.sub(keywordFile), []byte("0 green\n5 RED\n"), 0o600))
	for _, e := range scan(t, d) {
		want := map[Key]string{"1": "new/1", "2": "cur/2:2,Sfgz", "3": "cur/3:2,z"}[e.Key]
		e, err := d.MoveTo(e, to)
		must(t, err)
		if _, err := os.Stat(to.Path(e)); err != nil || e.Rel() != want {
			t.Errorf("%s: %v, want %s", e.Rel(), err, want)
		}
	}
	if b, _ := os.ReadFile(to.sub(keywordFile)); string(b) != "0 green\n5 RED\n6 blue\n" {
		t.Errorf("%q", b)
	}
	must(t, d.Sync())
	must(t, to.Remove(EntryOf("1", true)))
	must(t, to.Sync())
}
