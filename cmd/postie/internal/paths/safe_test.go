package paths

import (
	"strings"
	"testing"
)

func TestSafe(t *testing.T) {
	for name, want := range map[string]string{
		"report.pdf": "report.pdf", "../../etc/passwd": "_.._etc_passwd", `C:\x.txt`: "C__x.txt", ".bashrc": "bashrc", "-rf": "rf", "con.txt": "_con.txt", "LPT1": "_LPT1",
		"compass": "compass", "x. . ": "x", "..": "", " ": "", "what?": "what_", strings.Repeat("ä", 200) + ".pdf": strings.Repeat("ä", 98) + ".pdf",
	} {
		if got := Safe(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
