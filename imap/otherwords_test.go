package imap_test

import (
	"fmt"
	"testing"
)

// Servers say the same in other words: RFC 9051 section 9 makes no difference between capitals and small letters, Exchange
// puts spaces at the end of lines, and a string may be a literal.
func TestSearchOtherWords(t *testing.T) {
	for said, want := range map[string]string{
		`S: * search 1 2 `: "1:2",
		`S: * SEARCH `:     "",
		"S: * SEARCH 1\nS: * SEARCH 7 (MODSEQ 5)":         "1,7",
		`S: * esearch (tag "T1") uid all 1:3 `:            "1:3",
		`S: * ESEARCH UID COUNT 2 ALL 4,9 MODSEQ 7 X (1)`: "4,9",
		`S= "* ESEARCH (TAG {2}\r\nT1) UID ALL 5\r\n"`:    "5",
		`S: * ESEARCH`: "",
		"S: * OK nothing\nS: * FLAGS ()\nS: * 3 EXISTS":    "",
		"S: * ESEARCH (TAG \"T1\") UID MIN 3\nS: * SEARCH": "",
	} {
		all, err := script(t, "ESEARCH", "C: A UID SEARCH RETURN (ALL) ALL\n"+said+"\nS: A ok").SearchAll(t.Context())
		if err != nil || all.String() != want {
			t.Errorf("%s: %s, %v", said, all, err)
		}
	}
}

func TestNamespaceOtherWords(t *testing.T) {
	for said, want := range map[string]string{
		`S: * namespace (("INBOX." ".")) nil nil `:                     `"INBOX." '.'`,
		`S: * NAMESPACE NIL NIL NIL`:                                   `"" '\x00'`,
		`S: * NAMESPACE (("" NIL)) NIL NIL`:                            `"" '\x00'`,
		`S= "* NAMESPACE (({6}\r\nINBOX. \".\")) NIL NIL\r\n"`:         `"INBOX." '.'`,
		`S: * NAMESPACE (("" "/" "X" ("a"))("#mh/" "/")) NIL (("" "")`: `"" '/'`,
		`S: * NAMESPACE (("&AMQ-/" "/")) NIL NIL`:                      `"Ä/" '/'`,
		`S: * OK nothing`:                                              `"" '\x00'`,
	} {
		prefix, delim, err := script(t, "NAMESPACE", "C: A NAMESPACE\n"+said+"\nS: A OK").Namespace(t.Context())
		if got := fmt.Sprintf("%q %q", prefix, delim); got != want || err != nil {
			t.Errorf("%s: %s, %v", said, got, err)
		}
	}
}

// HIGHESTMODSEQ where CONDSTORE is not offered cannot be used.
func TestModSeqUnoffered(t *testing.T) {
	m, err := script(t, "", "C: A SELECT ...\nS: * OK [HIGHESTMODSEQ 9] so\nS: A OK").Select(t.Context(), "a", nil)
	if err != nil || m.HighestModSeq != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}
