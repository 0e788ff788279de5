package naming

import "testing"

func TestNaming(t *testing.T) {
	slash, dot, below, flat := Scheme{"", '/'}, Scheme{"", '.'}, Scheme{"INBOX.", '.'}, Scheme{"", 0}
	tests := []struct {
		n            Scheme
		server, ours string
	}{
		{slash, "inbox", "INBOX"}, {slash, "Lists/golang", "Lists/golang"}, {slash, "INBOX/sub", "INBOX/sub"}, {slash, "日本/a.b", "日本/a.b"},
		{dot, "Lists.golang", "Lists/golang"}, {dot, "a/b.c", "a%2Fb/c"}, {dot, "50%/x.c", "50%25%2Fx/c"}, {dot, "100%", "100%"},
		{below, "INBOX", "INBOX"}, {below, "INBOX.Lists.golang", "Lists/golang"}, {below, "Inbox.Sent", "Sent"}, {below, "INBOX.INBOX.x", "INBOX/x"},
		{below, "Shared.x", "Shared/x"}, {flat, "a/b", "a%2Fb"},
		{slash, "a%2Fb", "a%252Fb"}, {flat, "a%2Fb", "a%252Fb"}, {dot, "a%252Fb.%25", "a%25252Fb/%25"},
	}
	for _, tt := range tests {
		if got := tt.n.Ours(tt.server); got != tt.ours {
			t.Errorf("%+v: %q is %q here, want %q", tt.n, tt.server, got, tt.ours)
		}
	}
	back := []struct {
		n            Scheme
		ours, server string
		ok           bool
	}{
		{slash, "Lists/golang", "Lists/golang", true}, {dot, "a%2Fb/c", "a/b.c", true}, {dot, "v1.2", "", false}, {slash, "a%2Fb", "", false},
		{below, "INBOX", "INBOX", true}, {below, "Lists/golang", "INBOX.Lists.golang", true}, {flat, "a", "a", true}, {flat, "a/b", "", false},
		{slash, "a%252Fb", "a%2Fb", true}, {flat, "a%252Fb", "a%2Fb", true}, {dot, "a%25252Fb/%25", "a%252Fb.%25", true},
	}
	for _, tt := range back {
		if got, ok := tt.n.Theirs(tt.ours); ok != tt.ok || ok && got != tt.server {
			t.Errorf("%+v: %q is %q %v there, want %q", tt.n, tt.ours, got, ok, tt.server)
		}
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		patterns Patterns
		name     string
		want     bool
	}{
		{nil, "A", true}, {Patterns{"*"}, "A/B", true}, {Patterns{"%"}, "A/B", false}, {Patterns{"%"}, "A", true},
		{Patterns{"*", "!Junk"}, "Junk", false}, {Patterns{"!Junk"}, "A", true}, {Patterns{"inbox"}, "INBOX", true}, {Patterns{"inbox"}, "A", false},
		{Patterns{"Lists/*"}, "Lists/a/b", true}, {Patterns{"Lists/*"}, "Lists", false}, {Patterns{"Lists/%/b"}, "Lists/a/b", true},
		{Patterns{"*b*"}, "abc", true}, {Patterns{"*", "!*/old"}, "a/old", false}, {Patterns{"!INBOX", "*"}, "INBOX", false},
	}
	for _, tt := range tests {
		if got := tt.patterns.Match(tt.name); got != tt.want {
			t.Errorf("%q match %q: %v", tt.patterns, tt.name, got)
		}
	}
}
