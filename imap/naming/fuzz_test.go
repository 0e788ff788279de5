package naming

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A name that is shown here leads back to the mailbox that it came from, where it leads anywhere.
func FuzzScheme(f *testing.F) {
	for _, s := range []string{"INBOX", "inbox/x", "a.b/c", "50%/x", "a%2Fb", "", ".", "a..b", "INBOX.INBOX", "日本.x", "%"} {
		f.Add(s, "INBOX.", byte('.'))
		f.Add(s, "", byte('/'))
		f.Add(s, "", byte(0))
	}
	f.Fuzz(func(t *testing.T, server, prefix string, delim byte) {
		if !utf8.ValidString(server) || !utf8.ValidString(prefix) || delim >= 0x80 || strings.ContainsRune(server+prefix, '\uFDD0') {
			return // no mailbox is called so, but for raw ones, which are shown otherwise
		}
		n := Scheme{prefix, rune(delim)}
		rest, within := n.cut(server)
		if first, _, _ := strings.Cut(rest, string(n.Delim)); !within && prefix != "" || strings.EqualFold(first, Inbox) {
			return // what lies beside the namespace may look like what lies in it; so does INBOX
		}
		ours := n.Ours(server)
		switch back, ok := n.Theirs(ours); {
		case ok && back[len(prefix):] != rest:
			t.Fatalf("%+v: %q is %q here, and that is %q there", n, server, ours, back)
		case !ok && !hasEmptyPart(rest, n.Delim) && !strings.ContainsRune("%25F", n.Delim):
			t.Fatalf("%+v: %q is %q here, and that nothing there", n, server, ours)
		}
	})
}

// hasEmptyPart says whether a name holds what no folder can be called.
func hasEmptyPart(name string, delim rune) bool {
	return name == "" || delim != 0 && slices.Contains(strings.Split(name, string(delim)), "")
}

// A pattern matches what a regular expression would match, and takes no longer for it however many wildcards it has.
func FuzzPatterns(f *testing.F) {
	f.Add("Lists/%/b*", "Lists/a/bc")
	f.Add(strings.Repeat("*a", 30)+"b", strings.Repeat("a", 900))
	f.Add("%%*%", "a/b")
	f.Add("inbox", "INBOX")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(name) || strings.Contains(name, "\n") || strings.HasPrefix(pattern, "!") || len(pattern)+len(name) > 2000 {
			return
		}
		re := regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", "%", "[^/]*").Replace(regexp.QuoteMeta(Canonical(pattern))) + "$")
		if got, want := (Patterns{pattern}).Match(name), re.MatchString(name); got != want {
			t.Fatalf("%q matches %q: %v", pattern, name, got)
		}
	})
}
