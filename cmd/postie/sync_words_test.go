package main

import (
	"strings"
	"testing"

	"postie/imap/plan"
)

// word is what a plan calls a kind of operation; false: there is no such kind.
func word(k plan.Kind) (s string, known bool) {
	defer func() { known = recover() == nil }()
	return k.String(), true
}

// Every kind of operation that a plan may have is told in words: by a dry run and by -v.
func TestEveryOperationIsTold(t *testing.T) {
	said := map[string]bool{}
	for k := plan.Kind(1); ; k++ {
		name, known := word(k)
		if !known {
			break
		}
		told := sentence(plan.Op{Kind: k, Side: plan.Local, Mailbox: "INBOX", To: "Archive"}, "it")
		if told == "" || strings.HasPrefix(told, ",") || name == "?" || said[name] {
			t.Errorf("%d, %s: %q", k, name, told)
		}
		said[name] = true
	}
	if len(said) < int(plan.Repair) {
		t.Errorf("only %d kinds", len(said))
	}
}
