package plan

import (
	"strings"

	"postie/maildir"
)

// Change is what leads from one set of flags to another.
type Change struct{ Add, Remove maildir.Flags }

// between is the change that makes a into b.
func between(a, b maildir.Flags) Change { return Change{Add: b.Without(a), Remove: a.Without(b)} }

// On applies a change to flags.
func (c Change) On(f maildir.Flags) maildir.Flags { return f.Without(c.Remove).Or(c.Add) }

// String is "+FS work -T".
func (c Change) String() string {
	var parts []string
	for i, f := range []maildir.Flags{c.Add, c.Remove} {
		if f != (maildir.Flags{}) {
			words := append([]string{f.Set.String()}, f.Keywords.Names()...)
			parts = append(parts, "+-"[i:i+1]+strings.TrimSpace(strings.Join(words, " ")))
		}
	}
	return strings.Join(parts, " ")
}

// merge unites what became of a pair's flags on either side. Each side's changes are toggles against what that side had
// at the last agreement, so on one flag they cannot contradict each other; only where the server could not keep what was
// changed here can they, and there the change here counts, as soon as it can be kept.
func merge(p Pair, local, remote maildir.Flags, k PermanentFlags) (push, pull Change, after Pair) {
	theirs := remote.Xor(p.Remote).Without(local.Xor(p.Local))
	want := local.Without(theirs).Or(remote.And(theirs))
	push, pull = k.of(between(remote, want)), between(local, want)
	after = p
	after.Local, after.Remote = pull.On(local), push.On(remote)
	return push, pull, after
}

// united is the base of a pair that never had one: merge then unites the flags, but for \Deleted, which stays only
// where both sides have it: a message that one side wants to keep is kept.
func united(local, remote maildir.Flags) maildir.Flags {
	return maildir.Flags{Set: (local.Set | remote.Set) & maildir.FlagTrashed}
}

// of is the part of a change that the server can keep.
func (k PermanentFlags) of(c Change) Change {
	return Change{Add: k.only(c.Add), Remove: k.only(c.Remove)}
}

func (k PermanentFlags) only(f maildir.Flags) maildir.Flags {
	kept := f.And(k.Flags)
	if k.Any {
		kept.Keywords = f.Keywords
	}
	return kept.Without(k.Not)
}
