package message

import (
	"io"
	"strings"
	"testing"
)

// Fields are known whatever their folding and line ends; those of other programs are left out; Cyrus' X is known beside the octets.
func TestFields(t *testing.T) {
	fields := func(header string) []string {
		var h Header
		io.WriteString(&h, header)
		return strings.Split(strings.TrimSuffix(h.Fields(), "\n"), "\n")
	}
	theirs := fields("Subject: cafX\r\nX-Server: mine\r\nFrom: Ann\r\n <a@x>  \r\n\r\nBody: no\r\n")
	ours := fields("X-TUID: 1\n a\nSubject: caf\xe9\nStatus: RO\nFrom: Ann\n\t<a@x>\n\nBody: no\n")
	if len(theirs) != 3 || len(ours) != 2 {
		t.Fatalf("%q, %q", theirs, ours)
	}
	plain := func(line string) string { before, _, _ := strings.Cut(line, " "); return before }
	_, munged, _ := strings.Cut(ours[0], " ")
	if munged != plain(theirs[0]) || plain(ours[0]) == munged || ours[1] != theirs[2] || plain(ours[1]) != strings.Fields(ours[1])[1] {
		t.Errorf("%q, %q", theirs, ours)
	}
	var none Header
	if none.Fields() != "" {
		t.Errorf("%q", none.Fields())
	}
}
