package mirror

import "testing"

func TestNaming(t *testing.T) {
	slash, dot, below, flat := naming{"", '/'}, naming{"", '.'}, naming{"INBOX.", '.'}, naming{"", 0}
	tests := []struct {
		n            naming
		server, ours string
	}{
		{slash, "inbox", "INBOX"}, {slash, "Lists/golang", "Lists/golang"}, {slash, "INBOX/sub", "INBOX/sub"}, {slash, "日本/a.b", "日本/a.b"},
		{dot, "Lists.golang", "Lists/golang"}, {dot, "a/b.c", "a%2Fb/c"}, {dot, "50%/x.c", "50%25%2Fx/c"}, {dot, "100%", "100%"},
		{below, "INBOX", "INBOX"}, {below, "INBOX.Lists.golang", "Lists/golang"}, {below, "Inbox.Sent", "Sent"}, {below, "INBOX.INBOX.x", "INBOX/x"},
		{below, "Shared.x", "Shared/x"}, {flat, "a/b", "a%2Fb"},
	}
	for _, tt := range tests {
		if got := tt.n.ours(tt.server); got != tt.ours {
			t.Errorf("%+v: %q is %q here, want %q", tt.n, tt.server, got, tt.ours)
		}
	}
	back := []struct {
		n            naming
		ours, server string
		ok           bool
	}{
		{slash, "Lists/golang", "Lists/golang", true}, {dot, "a%2Fb/c", "a/b.c", true}, {dot, "v1.2", "", false}, {slash, "a%2Fb", "", false},
		{below, "INBOX", "INBOX", true}, {below, "Lists/golang", "INBOX.Lists.golang", true}, {flat, "a", "a", true}, {flat, "a/b", "", false},
	}
	for _, tt := range back {
		if got, ok := tt.n.theirs(tt.ours); ok != tt.ok || ok && got != tt.server {
			t.Errorf("%+v: %q is %q %v there, want %q", tt.n, tt.ours, got, ok, tt.server)
		}
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		patterns patterns
		name     string
		want     bool
	}{
		{nil, "A", true}, {patterns{"*"}, "A/B", true}, {patterns{"%"}, "A/B", false}, {patterns{"%"}, "A", true},
		{patterns{"*", "!Junk"}, "Junk", false}, {patterns{"!Junk"}, "A", true}, {patterns{"inbox"}, "INBOX", true}, {patterns{"inbox"}, "A", false},
		{patterns{"Lists/*"}, "Lists/a/b", true}, {patterns{"Lists/*"}, "Lists", false}, {patterns{"Lists/%/b"}, "Lists/a/b", true},
		{patterns{"*b*"}, "abc", true}, {patterns{"*", "!*/old"}, "a/old", false}, {patterns{"!INBOX", "*"}, "INBOX", false},
	}
	for _, tt := range tests {
		if got := tt.patterns.match(tt.name); got != tt.want {
			t.Errorf("%q match %q: %v", tt.patterns, tt.name, got)
		}
	}
}
