package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postie/maildir"
)

// Roots above and below one another, as people make them. A mark is "DIR/.postie.…"; a link is "FROM > TO".
func TestApart(t *testing.T) {
	for name, c := range map[string]struct {
		dirs, marks []string
		links       [][2]string
		root, other string // other "": they are apart
		above       bool
	}{
		"beside":                        {marks: []string{"a/.postie.db"}, root: "b"},
		"itself":                        {marks: []string{"a/.postie.db", "a/.postie.id"}, root: "a"},
		"a root in it":                  {marks: []string{"Mail/private/.postie.db"}, root: "Mail", other: "Mail/private"},
		"a root deep in it":             {marks: []string{"Mail/a/b/c/.postie.db"}, root: "Mail", other: "Mail/a/b/c"},
		"only the id is left":           {marks: []string{"Mail/private/.postie.id"}, root: "Mail", other: "Mail/private"},
		"only a lock is left":           {marks: []string{"Mail/private/.postie.lock"}, root: "Mail", other: "Mail/private"},
		"only what was damaged is left": {marks: []string{"Mail/private/.postie.db.damaged-20260101T000000Z"}, root: "Mail", other: "Mail/private"},
		"in a Maildir++ folder":         {marks: []string{"Mail/.Sub/.postie.db"}, root: "Mail", other: "Mail/.Sub"},
		"a mailbox of that name":        {dirs: []string{"Mail/.postie.db/cur"}, root: "Mail"},
		"a mailbox of that name above":  {dirs: []string{"Mail/.postie.db/cur"}, root: "Mail/x"},
		"inside":                        {marks: []string{"Mail/.postie.db"}, root: "Mail/sub", other: "Mail", above: true},
		"inside, which is to be made":   {marks: []string{"Mail/.postie.id"}, root: "Mail/a/b/c", other: "Mail", above: true},
		"inside a mailbox":              {marks: []string{"Mail/.postie.db"}, dirs: []string{"Mail/INBOX/cur"}, root: "Mail/INBOX", other: "Mail", above: true},
		"the root is a link":            {marks: []string{"Mail/.postie.db"}, dirs: []string{"Mail/x"}, links: [][2]string{{"l", "Mail/x"}}, root: "l", other: "Mail", above: true},
		"to be made below a link":       {marks: []string{"Mail/.postie.db"}, dirs: []string{"Mail/x"}, links: [][2]string{{"l", "Mail/x"}}, root: "l/new", other: "Mail", above: true},
		"a link in a root":              {marks: []string{"Mail/.postie.db"}, dirs: []string{"else"}, links: [][2]string{{"Mail/l", "else"}}, root: "Mail/l", other: "Mail", above: true},
		"a link beside itself":          {marks: []string{"Mail/.postie.db"}, links: [][2]string{{"l", "Mail"}}, root: "l"},
		"a link to a root in it":        {marks: []string{"priv/.postie.db"}, dirs: []string{"Mail"}, links: [][2]string{{"Mail/l", "priv"}}, root: "Mail", other: "priv"},
		"a link into a root in it":      {marks: []string{"priv/.postie.id"}, dirs: []string{"Mail", "priv/INBOX/cur"}, links: [][2]string{{"Mail/l", "priv/INBOX"}}, root: "Mail", other: "priv"},
		"a link in it to itself":        {marks: []string{"Mail/.postie.db"}, dirs: []string{"Mail/a/cur"}, links: [][2]string{{"Mail/l", "Mail/a"}}, root: "Mail"},
		"by ..":                         {marks: []string{"Mail/.postie.db"}, dirs: []string{"Mail/a"}, root: "Mail/a/../b", other: "Mail", above: true},
		"links in a circle":             {dirs: []string{"Mail"}, links: [][2]string{{"Mail/l", "Mail/l"}}, root: "Mail"},
		"mail of that name":             {marks: []string{"Mail/cur/.postie.db"}, root: "Mail"},
	} {
		t.Run(name, func(t *testing.T) {
			top, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			in := func(p string) string { return top + "/" + p }
			for _, dir := range c.dirs {
				err = errors.Join(err, os.MkdirAll(in(dir), 0o700))
			}
			for _, mark := range c.marks {
				err = errors.Join(err, os.MkdirAll(filepath.Dir(in(mark)), 0o700), os.WriteFile(in(mark), nil, 0o600))
			}
			for _, l := range c.links {
				err = errors.Join(err, os.Symlink(in(l[1]), in(l[0])))
			}
			if err != nil {
				t.Fatal(err)
			}
			e, ok := errors.AsType[*Nested](Apart(in(c.root)))
			if ok != (c.other != "") {
				t.Fatalf("%v", e)
			}
			if ok && (e.Other != in(c.other) || e.Above != c.above) {
				t.Errorf("%v, above: %v; want %s, above: %v", e, e.Above, c.other, c.above)
			}
		})
	}
}

// What was asked for by a relative path is meant by where it is.
func TestApartRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.MkdirAll("Mail/sub", 0o700), os.WriteFile("Mail/.postie.db", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Apart("Mail/sub"); err == nil {
		t.Error("Mail/sub lies inside Mail")
	}
	t.Chdir("Mail/sub")
	if err := Apart("."); err == nil {
		t.Error(". lies inside Mail")
	}
}

// A root is known by its id also when nothing else is left of it.
func TestRootStaysMarked(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(string(root) + "/.postie.[^i]*")
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := Apart(filepath.Dir(string(root))); err == nil {
		t.Error("the root is not known any more")
	}
	id, _ := os.ReadFile(string(root) + "/.postie.id")
	open(t, root, nil).Close()
	if again, _ := os.ReadFile(string(root) + "/.postie.id"); string(again) != string(id) || len(id) == 0 {
		t.Errorf("the id was %q and is %q", id, again)
	}
}

// Who only reads mail that lies inside another root leaves nothing there: it would be taken for a root from then on.
func TestReadInsideAnotherRoot(t *testing.T) {
	root := newRoot(t)
	open(t, root, nil).Close()
	sub := maildir.Dir(filepath.Join(string(root), "Sub"))
	if err := sub.Ensure(); err != nil {
		t.Fatal(err)
	}
	put(t, sub, "new/a", letter(1))
	s := open(t, sub, &Options{Read: true})
	defer s.Close()
	if n := refreshed(t, s).Added; n != 1 {
		t.Errorf("%d messages were found", n)
	}
	if s.Writable() == nil {
		t.Error("what is inside another root may be changed")
	}
	if left, _ := filepath.Glob(string(sub) + "/.postie*"); left != nil {
		t.Errorf("it left %v", left)
	}
}
