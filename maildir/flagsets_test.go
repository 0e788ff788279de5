package maildir

import "testing"

// What two sets of flags have together, apart, and only one of them; keywords in whatever case.
func TestFlagSets(t *testing.T) {
	set := func(s FlagSet, keywords ...string) Flags { return Flags{s, NewKeywords(keywords...)} }
	none := Flags{}
	for _, c := range []struct{ a, b, or, and, without Flags }{
		{none, none, none, none, none},
		{set(FlagSeen, "a"), none, set(FlagSeen, "a"), none, set(FlagSeen, "a")},
		{none, set(FlagSeen, "a"), set(FlagSeen, "a"), none, none},
		{set(FlagSeen|FlagDraft, "a", "b"), set(FlagSeen, "b", "c"), set(FlagSeen|FlagDraft, "a", "b", "c"), set(FlagSeen, "b"), set(FlagDraft, "a")},
		{set(0, "Work"), set(0, "work"), set(0, "Work"), set(0, "Work"), none},
		{set(0, "work"), set(0, "Work", "x"), set(0, "Work", "x"), set(0, "work"), none},
	} {
		if or, and, without := c.a.Or(c.b), c.a.And(c.b), c.a.Without(c.b); or != c.or || and != c.and || without != c.without {
			t.Errorf("%v, %v: or %v, and %v, without %v", c.a, c.b, or, and, without)
		}
		if xor := c.a.Xor(c.b); !xor.Same(c.or.Without(c.and)) || !xor.Same(c.b.Xor(c.a)) || c.a.Same(c.b) != (xor == none) {
			t.Errorf("%v, %v: xor %v", c.a, c.b, xor)
		}
	}
}
