package plan

import (
	"slices"
	"strings"

	"postie/maildir"
)

// Change is what leads from one set of flags to another.
type Change struct{ Add, Remove maildir.Flags }

// between is the change that makes a into b.
func between(a, b maildir.Flags) Change { return Change{Add: sub(b, a), Remove: sub(a, b)} }

// On applies a change to flags.
func (c Change) On(f maildir.Flags) maildir.Flags { return or(sub(f, c.Remove), c.Add) }

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
// wished here can they, and there the wish here counts, as soon as it can be kept.
func merge(p Pair, local, remote maildir.Flags, k Keeps) (push, pull Change, after Pair) {
	theirs := sub(xor(remote, p.Remote), xor(local, p.Local))
	want := or(sub(local, theirs), and(remote, theirs))
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
func (k Keeps) of(c Change) Change { return Change{Add: k.only(c.Add), Remove: k.only(c.Remove)} }

func (k Keeps) only(f maildir.Flags) maildir.Flags {
	kept := and(f, k.Flags)
	if k.Any {
		kept.Keywords = f.Keywords
	}
	return kept
}

// same: spelling apart. The server may write a keyword in another case than the Maildir.
func same(a, b maildir.Flags) bool { return a == b || xor(a, b) == maildir.Flags{} }

func xor(a, b maildir.Flags) maildir.Flags { return or(sub(a, b), sub(b, a)) }

func or(a, b maildir.Flags) maildir.Flags {
	f := maildir.Flags{Set: a.Set | b.Set, Keywords: a.Keywords}
	if a.Keywords == "" {
		f.Keywords = b.Keywords
	} else if b.Keywords != "" {
		f.Keywords = maildir.NewKeywords(string(a.Keywords), string(b.Keywords))
	}
	return f
}

func and(a, b maildir.Flags) maildir.Flags {
	return maildir.Flags{Set: a.Set & b.Set, Keywords: among(a.Keywords, b.Keywords, true)}
}

func sub(a, b maildir.Flags) maildir.Flags {
	return maildir.Flags{Set: a.Set &^ b.Set, Keywords: among(a.Keywords, b.Keywords, false)}
}

// among is those of a that are among b, or those that are not.
func among(a, b maildir.Keywords, in bool) maildir.Keywords {
	switch {
	case a == b && in, b == "" && !in:
		return a
	case a == b, a == "", b == "":
		return ""
	}
	others := b.Names()
	return maildir.NewKeywords(slices.DeleteFunc(a.Names(), func(k string) bool {
		return slices.ContainsFunc(others, func(o string) bool { return strings.EqualFold(k, o) }) != in
	})...)
}
