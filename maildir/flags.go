package maildir

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// FlagSet is a set of the six standard flags of a file name.
type FlagSet uint8

// The standard flags, in the ASCII order of their letters D F P R S T.
// Passed is IMAP's $Forwarded, Trashed its \Deleted, Replied its \Answered.
const (
	FlagDraft FlagSet = 1 << iota
	FlagFlagged
	FlagPassed
	FlagReplied
	FlagSeen
	FlagTrashed

	flagLetters = "DFPRST"
)

// String gives the flags as a file name has them, "FS": ASCII order.
func (s FlagSet) String() string {
	var b [len(flagLetters)]byte
	n := 0
	for i := range len(flagLetters) {
		if s&(1<<i) != 0 {
			b[n] = flagLetters[i]
			n++
		}
	}
	return string(b[:n])
}

// letterSet is a set of keyword letters: bit 0 is 'a'.
type letterSet uint32

func lettersOf(s string) (l letterSet) {
	for i := range len(s) {
		if c := s[i]; 'a' <= c && c <= 'z' {
			l |= 1 << (c - 'a')
		}
	}
	return l
}

func (l letterSet) String() string {
	b := make([]byte, 0, 26)
	for ; l != 0; l &= l - 1 {
		b = append(b, 'a'+byte(bits.TrailingZeros32(uint32(l))))
	}
	return string(b)
}

// parseFlags sorts the characters after ":2," into standard flags, letters, and the rest in its order.
func parseFlags(s string) (set FlagSet, l letterSet, unknown string) {
	for i := range len(s) {
		c := s[i]
		if j := strings.IndexByte(flagLetters, c); j >= 0 {
			set |= 1 << j
		} else if 'a' <= c && c <= 'z' {
			l |= 1 << (c - 'a')
		} else {
			unknown += s[i : i+1]
		}
	}
	return set, l, unknown
}

// mergeFlags puts sorted flags among unknown ones, which keep their order: ASCII order if they had it.
func mergeFlags(sorted, unknown string) string {
	b := make([]byte, 0, len(sorted)+len(unknown))
	for sorted != "" && unknown != "" {
		if sorted[0] < unknown[0] {
			b, sorted = append(b, sorted[0]), sorted[1:]
		} else {
			b, unknown = append(b, unknown[0]), unknown[1:]
		}
	}
	return string(b) + sorted + unknown
}

// Keywords is a set of IMAP keywords in canonical form: sorted, unique, joined by one space. Comparable with ==.
type Keywords string

// NewKeywords makes the canonical form. Keywords that differ in case only are one (RFC 9051 section 2.3.2);
// the first in byte order gives the spelling.
func NewKeywords(names ...string) Keywords {
	ks := strings.Fields(strings.Join(names, " "))
	slices.SortFunc(ks, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return Keywords(strings.Join(slices.CompactFunc(ks, strings.EqualFold), " "))
}

// Names lists the keywords.
func (k Keywords) Names() []string { return strings.Fields(string(k)) }

// Flags is what a message is marked with. Comparable with ==.
type Flags struct {
	Set      FlagSet
	Keywords Keywords
}

// Or is what f or g has. As in all that follows, keywords that differ in case only are one.
func (f Flags) Or(g Flags) Flags {
	or := Flags{Set: f.Set | g.Set, Keywords: f.Keywords}
	if f.Keywords == "" {
		or.Keywords = g.Keywords
	} else if g.Keywords != "" {
		or.Keywords = NewKeywords(string(f.Keywords), string(g.Keywords))
	}
	return or
}

// And is what both have, as f spells it.
func (f Flags) And(g Flags) Flags {
	return Flags{Set: f.Set & g.Set, Keywords: f.Keywords.among(g.Keywords, true)}
}

// Without is what f has and g has not.
func (f Flags) Without(g Flags) Flags {
	return Flags{Set: f.Set &^ g.Set, Keywords: f.Keywords.among(g.Keywords, false)}
}

// Xor is what only one of both has.
func (f Flags) Xor(g Flags) Flags { return f.Without(g).Or(g.Without(f)) }

// Same says whether both have the same.
func (f Flags) Same(g Flags) bool { return f == g || f.Xor(g) == Flags{} }

// among are those that are among others, or those that are not.
func (k Keywords) among(others Keywords, in bool) Keywords {
	switch {
	case k == others && in, others == "" && !in:
		return k
	case k == others, k == "", others == "":
		return ""
	}
	names := others.Names()
	return NewKeywords(slices.DeleteFunc(k.Names(), func(name string) bool {
		return slices.ContainsFunc(names, func(o string) bool { return strings.EqualFold(name, o) }) != in
	})...)
}
