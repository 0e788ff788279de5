package mirror

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// merging is a server that keeps equal messages in a mailbox once: it answers a second APPEND as it did the first.
func merging(appends *int) imaptest.Quirk {
	form := regexp.MustCompile(`(?s)^APPEND (\S+) .*?\{\d+\+?\}\r\n(.*)$`)
	key := func(command string) string { return strings.Join(form.FindStringSubmatch(command)[1:], " ") }
	answer := map[string]string{} // to an APPEND of this; "": not yet there
	late := map[string][]string{} // tags that wait for it
	return imaptest.Quirk{
		Hears: func(d *imaptest.Dialogue, command string) string {
			tag, rest, _ := strings.Cut(command, " ")
			if !form.MatchString(rest) {
				return command
			}
			*appends++
			switch said, again := answer[key(rest)]; {
			case !again:
				answer[key(rest)] = ""
				return command
			case said == "":
				late[key(rest)] = append(late[key(rest)], tag)
			default:
				d.Say(tag + said)
			}
			return ""
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			all := []string{response}
			if command := d.Answers(response); form.MatchString(command) {
				_, said, _ := strings.Cut(response, " ")
				answer[key(command)] = " " + said
				for _, tag := range late[key(command)] {
					all = append(all, tag+" "+said)
				}
			}
			return all
		},
	}
}

// A server that merges equal messages: of three equal files one has its message there, the others are told of, stay, and
// are not uploaded for ever.
func TestMerged(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"with APPENDUID": nil, "without": {imaptest.Replace(`\[APPENDUID [^]]*\] `, "")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			appends := 0
			d := w.device(t, append(q, merging(&appends))...)
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
