package imap_test

import (
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/imap/imaptest"
)

// anew is a Login that has a fresh client whenever it is asked.
type anew struct{ *who }

// What is offered and refused while a session begins is done without, and told.
func TestConnectLoses(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		lost goimap.Cap
	}{
		"SASL-IR": {`S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
			C: A AUTHENTICATE PLAIN AGEAYg==
			S: A BAD too many arguments
			C: B AUTHENTICATE PLAIN
			S: +
			C: AGEAYg==
			S: B OK [CAPABILITY IMAP4rev1] welcome`, goimap.CapSASLIR},
		"ENABLE": {`S: * PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] hi
			C: A ENABLE CONDSTORE QRESYNC
			S: A BAD what?`, goimap.CapEnable},
		"COMPRESS": {`S: * PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi
			C: A COMPRESS DEFLATE
			S: A NO no zlib`, "COMPRESS=DEFLATE"},
		"NAMESPACE": {`S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi
			C: A NAMESPACE
			S: A BAD what?`, goimap.CapNamespace},
		"nothing": {`S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi
			C: A NAMESPACE
			S: A NO [UNAVAILABLE] later`, ""},
	} {
		s := play(t, imaptest.Script{Text: tt.text}, imap.Options{Login: anew{&who{client: sasl.NewPlainClient("", "a", "b")}}, Naming: true, Compress: true})
		lost := s.Lost()
		if tt.lost == "" && len(lost) > 0 || tt.lost != "" && (len(lost) != 1 || lost[0] != tt.lost || s.Has(tt.lost)) {
			t.Errorf("%s: lost %v", name, lost)
		}
	}
}

// What Options.Without names is not used, nor what stands on it.
func TestWithout(t *testing.T) {
	s := play(t, imaptest.Script{Text: "S: * PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC NAMESPACE LIST-EXTENDED LIST-STATUS LITERAL- MOVE] hi"},
		imap.Options{Without: []goimap.Cap{"condstore", "NAMESPACE", "List-Extended", "LITERAL+"}, Naming: true})
	for _, c := range []goimap.Cap{goimap.CapCondStore, goimap.CapQResync, goimap.CapListStatus, goimap.CapLiteralMinus, goimap.CapNamespace} {
		if s.Has(c) {
			t.Errorf("has %s", c)
		}
	}
	if !s.Has(goimap.CapMove) || len(s.Lost()) > 0 {
		t.Errorf("lost %v", s.Lost())
	}
}

// A fetch that the server does not understand is asked for less, as long as nothing came.
func TestFetchAsksLess(t *testing.T) {
	s := script(t, "CONDSTORE OBJECTID", `C: A SELECT "x" (CONDSTORE)
		S: * OK [HIGHESTMODSEQ 5] x
		S: * OK [UIDVALIDITY 1] x
		S: A OK
		C: B UID FETCH 1:3 (UID EMAILID ...)
		S: B BAD EMAILID?
		C: C UID FETCH 1:3 (...MODSEQ...)
		S: C BAD MODSEQ?
		C: D UID FETCH 1:3 (UID ...)
		S: * 1 FETCH (UID 2 FLAGS () INTERNALDATE "01-Jan-2025 00:00:00 +0000" RFC822.SIZE 3)
		S: D OK`)
	if _, err := s.Select(t.Context(), "x", nil); err != nil {
		t.Fatal(err)
	}
	if all, err := collect(t, s.FetchSizes(t.Context(), goimap.UIDSet{{Start: 1, Stop: 3}})); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}
