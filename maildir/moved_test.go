package maildir

import (
	"slices"
	"testing"
)

// Of files that hold the message the one under its key was moved, wherever it stands among them; else the first; else none.
func TestMoved(t *testing.T) {
	self := func(k Key) Key { return k }
	for _, c := range []struct {
		came []Key
		want Key
	}{
		{[]Key{"other", "key", "third"}, "key"},
		{[]Key{"other", "third"}, "other"},
		{nil, ""},
	} {
		got, ok := Moved("key", slices.Values(c.came), self)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.came, got, ok, c.want)
		}
	}
}
