package mirror

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// A server that merges equal messages: of three equal files one has its message there, the others are told of, stay, and
// are not uploaded for ever.
func TestMerged(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"with APPENDUID": nil, "without": {imaptest.Replace(`\[APPENDUID [^]]*\] `, "")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			appends := 0
			d := w.device(t, append(q, imaptest.Merges(&appends))...)
			d.put(d.remote(), "INBOX", 0, 2)
			d.sync()
			for _, copy := range []string{"1", "2", "3"} {
				file := filepath.Join(string(d.dir("INBOX")), "new", "1.copy"+copy+".host")
				d.ok(os.WriteFile(file, []byte(strings.ReplaceAll(letter(100), "\r\n", "\n")), 0o600))
			}
			for n := range 6 {
				r, err := d.run(nil)
				if err != nil || r.New+r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 || n > 0 && r.Uploaded > 0 || r.Failed != 2 {
					t.Errorf("run %d: %+v, %v", n, r, err)
				}
			}
			if n, m := len(d.entries("INBOX")), d.there().letters()["100"]; n != 5 || m != 1 || appends > 9 {
				t.Errorf("%d files, %d messages, %d times APPEND", n, m, appends)
			}
			for n := range 2 { // who removes the copies one by one loses nothing
				d.ok(os.Remove(filepath.Join(string(d.dir("INBOX")), "new", []string{"1.copy1.host", "1.copy3.host"}[n])))
				if r, err := d.run(nil); err != nil || r.New+r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 || r.Failed != 1-n {
					t.Errorf("copies are removed: %+v, %v", r, err)
				}
			}
			d.equal()
			d.quiet()
		})
	}
}
