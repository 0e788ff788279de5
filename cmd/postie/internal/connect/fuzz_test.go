package connect

import (
	"encoding/hex"
	"strings"
	"testing"
)

// A fingerprint is read alike in any case and with colons or without; what is none is refused.
func FuzzPin(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("aB:", 31) + "00")
	f.Add("SHA256:" + strings.Repeat("f", 64))
	f.Add("sha1:00")
	f.Fuzz(func(t *testing.T, text string) {
		pin, err := parsePin(text)
		if err != nil || pin == nil {
			if err == nil && text != "" {
				t.Fatalf("%q pins nothing", text)
			}
			return
		}
		if again, err := parsePin("sha256:" + hex.EncodeToString(pin[:])); err != nil || *again != *pin {
			t.Fatalf("%q is %x", text, *pin)
		}
	})
}

// The protocol that a server speaks is told from its first octets: those of ours never taken for another's.
func FuzzSpeaks(f *testing.F) {
	for _, s := range []string{"* OK hi", "+OK", "220 ftp ready", "HTTP/1.1", "\x16\x03\x01", "SSH-2.0-x", "* BYE"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, first []byte) {
		imap, pop := speaks(append([]byte("* OK "), first...)), speaks(append([]byte("+OK "), first...))
		if imap != "IMAP" || pop != "POP3" {
			t.Fatalf("%q: %s, %s", first, imap, pop)
		}
		if len(first) < 4 && speaks(first) != "" && first[0] != 0x15 && first[0] != 0x16 && string(first) != "+OK" {
			t.Fatalf("%q is enough to speak %s", first, speaks(first))
		}
	})
}
