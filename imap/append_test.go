package imap_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Traps 8 and 11: APPEND, its literal small and large, with and without LITERAL+, taken and refused.
func TestTrap8And11Append(t *testing.T) {
	big := strings.Repeat("x", 5000)
	date := time.Date(2024, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	const args = `A APPEND "x" (\Seen) " 3-Feb-2024 04:05:06 +0100" `
	for _, tt := range []struct {
		name, caps, script, body string
		want                     imap.Appended
		code                     string
	}{
		{"synchronised", "", "C: " + args + "{2}\nS: + go\n" + `C= "ab\r\n"` + "\nS: A OK [APPENDUID 5 6] done", "ab", imap.Appended{UIDValidity: 5, UID: 6}, ""},
		{"LITERAL+, large", "LITERAL+", "C: " + args + "{5000+}\n" + fmt.Sprintf("C= %q\n", big+"\r\n") + "S: A OK done", big, imap.Appended{}, ""},
		{"LITERAL-, small", "LITERAL-", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A OK [APPENDUID 5 x] done", "ab", imap.Appended{}, ""},
		{"LITERAL-, large", "LITERAL-", "C: " + args + "{5000}\nS: + go\n" + fmt.Sprintf("C= %q\n", big+"\r\n") + "S: A OK [APPENDUID 0 1]", big, imap.Appended{}, ""},
		{"empty message", "", "C: " + args + "{0}\nS: + go\n" + `C= "\r\n"` + "\nS: A OK done", "", imap.Appended{}, ""},
		{"refused before the literal", "", "C: " + args + "{5000}\nS: A NO [TRYCREATE] no such mailbox", big, imap.Appended{}, "TRYCREATE"},
		{"refused before the literal, small", "", "C: " + args + "{2}\nS: * 5 EXISTS\nS: A NO [OVERQUOTA] full", "ab", imap.Appended{}, "OVERQUOTA"},
		{"refused in the literal", "", "C: " + args + "{5000}\nS: + go\n" + fmt.Sprintf("C= %q\n", big[:100]) + "S: A NO [OVERQUOTA] full\n" + fmt.Sprintf("C= %q\n", big[100:]+"\r\n"), big, imap.Appended{}, "OVERQUOTA"},
		{"alert", "LITERAL+", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A OK [ALERT] x", "ab", imap.Appended{}, ""},
		{"refused behind the literal", "LITERAL+", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A NO [LIMIT] x", "ab", imap.Appended{}, "LIMIT"},
		{"refused with a code the library cannot read", "", "C: " + args + "{2}\nS: A NO [APPENDUID x] hm", "ab", imap.Appended{}, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, tt.caps, tt.script+"\nC: B NOOP\nS: B OK")
			got, err := s.Append(t.Context(), "x", imap.Upload{Flags: []imap.Flag{goimap.FlagSeen}, Date: date, Size: int64(len(tt.body)), Body: strings.NewReader(tt.body)})
			var refused *imap.Error
			if errors.As(err, &refused) != (tt.code != "") || refused != nil && cmp.Or(refused.Code, "none") != tt.code || refused == nil && err != nil || got != tt.want {
				t.Errorf("got %v, %v", got, err)
			}
			if err := s.Noop(t.Context()); err != nil {
				t.Errorf("the session is not alive: %v", err)
			}
		})
	}
}

// A file may have any mtime. A date that the syntax has no room for is left out: a server would take the message behind it for
// commands.
func TestAppendDate(t *testing.T) {
	for _, year := range []int{-1, 0, 10000, 292277026596} {
		s := script(t, "LITERAL+", `C: A APPEND "x" {2+}
			C= "a1\r\n"
			S: A OK done`)
		if _, err := s.Append(t.Context(), "x", imap.Upload{Date: time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC), Size: 2, Body: strings.NewReader("a1")}); err != nil {
			t.Errorf("%d: %v", year, err)
		}
	}
}

func TestAppendAll(t *testing.T) {
	s := script(t, "LITERAL+ APPENDLIMIT=9", `C: A APPEND "x" {2+}
		C= "a1\r\n"
		C: B APPEND "x" {2+}
		C= "a2\r\n"
		S: A OK [APPENDUID 7 1] done
		S: B NO [OVERQUOTA] full
		C: C APPEND "x" {2+}
		C= "a4\r\n"
		S: C OK done
		C: D NOOP
		S: D OK`)
	var got []string
	for a, err := range s.AppendAll(t.Context(), "x", func(yield func(imap.Upload) bool) {
		for _, body := range []string{"a1", "a2", "1234567890", "a4"} {
			if !yield(imap.Upload{Size: int64(len(body)), Body: strings.NewReader(body)}) {
				return
			}
		}
	}) {
		got = append(got, fmt.Sprint(a, message(err)))
	}
	want := []string{"{7 1}", "{0 0}APPEND: server refused: [OVERQUOTA] full",
		"{0 0}APPEND: server refused: [TOOBIG] the server takes messages of up to 9 octets", "{0 0}"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAppendWrongSize(t *testing.T) {
	for body, want := range map[string]string{"abc": "2 octets short", "abcdef": "more than 5 octets"} {
		s := script(t, "", "C: A APPEND \"x\" {5}\nS: + go\nhang")
		if _, err := s.Append(t.Context(), "x", imap.Upload{Size: 5, Body: strings.NewReader(body)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		if err := s.Noop(t.Context()); err == nil {
			t.Error("half a message was sent and the session lives on")
		}
	}
}

// RFC 3502: messages that are Joined go up in one command, and what comes back is shared out.
func TestMultiAppend(t *testing.T) {
	three := func(joined bool) iter.Seq[imap.Upload] {
		return func(yield func(imap.Upload) bool) {
			for i, text := range []string{"a1", "b2", "c3"} {
				u := imap.Upload{Mailbox: "x", Joined: joined, Size: 2, Body: strings.NewReader(text)}
				if i == 1 {
					u.Flags = []goimap.Flag{goimap.FlagSeen}
				}
				if !yield(u) {
					return
				}
			}
		}
	}
	one := "C: A APPEND \"x\" {2+}\n" + `C= "a1 (\\Seen) {2+}\r\nb2 {2+}\r\nc3\r\n"` + "\n"
	for _, c := range []struct{ name, answer, want string }{
		{"all are told", "S: A OK [APPENDUID 5 7:8,11] done", "[{5 7} {5 8} {5 11}] []"},
		{"too few are told", "S: A OK [APPENDUID 5 7:8] done", "[{0 0} {0 0} {0 0}] []"},
		{"none is told", "S: A OK done", "[{0 0} {0 0} {0 0}] []"},
		{"refused", "S: A NO [LIMIT] too many", "[{0 0} {0 0} {0 0}] [APPEND: server refused: [LIMIT] too many APPEND: server refused: [LIMIT] too many APPEND: server refused: [LIMIT] too many]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script(t, "LITERAL+ MULTIAPPEND", one+c.answer+"\nC: B NOOP\nS: B OK")
			var all []imap.Appended
			var errs []error
			for a, err := range s.AppendAll(t.Context(), "", three(true)) {
				if all = append(all, a); err != nil {
					errs = append(errs, err)
				}
			}
			if got := fmt.Sprint(all, errs); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err := s.Noop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
