package maildir

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var entries = []struct {
	name    string
	key     Key
	set     string
	letters string
	size    int64
}{
	{"1.a.host", "1.a.host", "", "", -1},
	{"1.a.host:2,", "1.a.host", "", "", -1},
	{"1.a.host,S=12:2,FS", "1.a.host", "FS", "", 12},
	{"1.a.host,S=12,W=13,U=4:2,SF", "1.a.host", "FS", "", 12},
	{"1.a,U=4,S=9", "1.a", "", "", 9},
	{"1.a:2,DFPRSTaz", "1.a", "DFPRST", "az", -1},
	{"1.a:2,Szza", "1.a", "S", "az", -1},
	{"1.a:2,S!X9é", "1.a", "S", "", -1},
	{"1.a:2,S,T,x", "1.a", "S", "", -1},
	{"1.a:1,S", "1.a", "", "", -1},
	{"1.a:1,S:2,F", "1.a", "F", "", -1},
	{"1.a:2", "1.a", "", "", -1},
	{"1.a:", "1.a", "", "", -1},
	{"1.a:2,S:", "1.a", "", "", -1},
	{":2,S", "", "S", "", -1},
	{",S=", "", "", "", -1},
	{"1,S=-1:2,", "1", "", "", -1},
	{"1,S=99999999999999999999:2,", "1", "", "", -1},
	{"1,S=0x1:2,", "1", "", "", -1},
	{"1:2,S,S=5", "1", "S", "", -1},
	{"\xff\x00,S=1:2,\xffS", "\xff\x00", "S", "", 1},
}

func TestEntryOf(t *testing.T) {
	for _, c := range entries {
		e := EntryOf(c.name, false)
		if e.Key != c.key || e.Set.String() != c.set || e.Letters != c.letters || e.Size != c.size || e.Name != c.name {
			t.Errorf("%q: %+v", c.name, e)
		}
	}
	if got := EntryOf("1", true).Rel() + " " + EntryOf("1", false).Rel(); got != "new/1 cur/1" {
		t.Error(got)
	}
}

func TestWithFlags(t *testing.T) {
	for _, c := range []struct {
		rel     string
		set     FlagSet
		letters string
		want    string
	}{
		{"new/1", 0, "", "new/1"},
		{"new/1", FlagSeen, "", "cur/1:2,S"},
		{"new/1", 0, "b", "cur/1:2,b"},
		{"new/1:2,S", 0, "", "new/1"},
		{"cur/1", 0, "", "cur/1:2,"},
		{"cur/1:2,S", 0, "", "cur/1:2,"},
		{"cur/1,S=3,W=4:2,S", FlagFlagged | FlagSeen | FlagDraft, "zaa", "cur/1,S=3,W=4:2,DFSaz"},
		{"cur/1:2,SXa", FlagTrashed, "b", "cur/1:2,TXb"},
		{"cur/1:2,!S~", FlagSeen | FlagDraft, "q", "cur/1:2,!DSq~"},
		{"cur/1:2,éSà", FlagSeen | FlagDraft, "q", "cur/1:2,DSqéà"},
		{"cur/1:2,S,x,y", FlagReplied, "", "cur/1:2,R,x,y"},
		{"cur/1:1,xyz", FlagReplied, "", "cur/1:1,xyz:2,R"},
		{"cur/1:2", FlagReplied, "", "cur/1:2:2,R"},
		{"cur/1:2,S:2,F", FlagReplied, "", "cur/1:2,S:2,R"},
	} {
		sub, name, _ := strings.Cut(c.rel, "/")
		if got := EntryOf(name, sub == "new").withFlags(c.set, lettersOf(c.letters)); got.Rel() != c.want {
			t.Errorf("%s + %v %q = %s, want %s", c.rel, c.set, c.letters, got.Rel(), c.want)
		}
	}
}

func FuzzEntry(f *testing.F) {
	for _, c := range entries {
		f.Add(c.name, byte(5), "ab")
	}
	f.Fuzz(func(t *testing.T, name string, flags byte, letters string) {
		e := EntryOf(name, false)
		set, l := FlagSet(flags)&(FlagTrashed<<1-1), lettersOf(letters)
		to := e.withFlags(set, l)
		if to.Key != e.Key || to.Size != e.Size || to.Set != set || to.Letters != l.String() {
			t.Fatalf("%q → %+v", name, to)
		}
		if again := to.withFlags(set, l); again != to {
			t.Fatalf("%q is not stable: %q", to.Name, again.Name)
		}
		// What is foreign in the name survives, in its order.
		base, old, rest := splitName(name)
		newBase, now, newRest := splitName(to.Name)
		_, _, unknown := parseFlags(old)
		if _, _, kept := parseFlags(now); newBase != base || newRest != rest || kept != unknown {
			t.Fatalf("%q became %q", name, to.Name)
		}
	})
}

func TestNewKey(t *testing.T) {
	now := time.Unix(1700000000, 123456789)
	key := NewKey(now)
	want := regexp.MustCompile(`^1700000000\.M123456P\d+R[0-9a-f]{16}\.[^/:,]+$`)
	if !want.MatchString(string(key)) || KeyOf(string(key)) != key {
		t.Error(key)
	}
	if NewKey(now) == key {
		t.Error("two equal keys")
	}
	if got := plainHost("a/b:c,d\x00.é"); got != `a\057b\072c\054d\000.é` {
		t.Error(got)
	}
}

func TestNewKeywords(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want Keywords
	}{
		{nil, ""},
		{[]string{"b", "a", "b", ""}, "a b"},
		{[]string{"junk", "$Forwarded", "Junk"}, "$Forwarded Junk"},
		{[]string{"x\ny", "a b"}, "a b x y"},
	} {
		if got := NewKeywords(c.in...); got != c.want {
			t.Errorf("%q = %q", c.in, got)
		}
	}
}
