package imap

import "testing"

func TestRightsOf(t *testing.T) {
	for letters, want := range map[string]Rights{
		"lrswipkxtecda": {true, true, true},
		"lrswipcda":     {true, true, true}, // RFC 2086
		"lrswtikcd":     {true, true, false},
		"lrswek":        {false, false, true},
		"lr":            {},
	} {
		if got := rightsOf(letters); got != want {
			t.Errorf("%s: %+v", letters, got)
		}
	}
}
