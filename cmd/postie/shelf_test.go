package main

import (
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/maildir/index"
	mail "postie/maildir/message"
)

func TestQueryOf(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"a b"}, "a b"}, // one argument is the query as it is
		{[]string{"a", "b"}, "a b"},
		{[]string{"a b", "c"}, `"a b" c`},
		{[]string{"subject:a b", "c"}, `subject:"a b" c`},
		{[]string{"a b:c", "d"}, `"a b:c" d`},
		{[]string{`subject:"a b"`, "c"}, `subject:"a b" c`},
		{[]string{"(a OR b)", "c"}, "(a OR b) c"},
	} {
		if got := queryOf(c.args); got != c.want {
			t.Errorf("%q: %s, want %s", c.args, got, c.want)
		}
	}
}

// Whatever a message calls its files, the name is one in the folder meant, and no option or hidden file.
func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"report.pdf": "report.pdf", "": "part-7", "..": "part-7", "../../etc/passwd": "_.._etc_passwd", `C:\x.exe`: "C__x.exe",
		".bashrc": "bashrc", "-rf": "rf", "a\x1b[2Jb": "a␛[2Jb", "a\nb": "a b", "\u202egpj.exe": "_u202egpj.exe", "x\x00y": "x␀y", "Größe.txt": "Größe.txt",
	} {
		if got := fileName(mail.Part{Number: 7, Name: in}); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("ä", 300) + ".pdf", "x." + strings.Repeat("é", 300)} {
		got := fileName(mail.Part{Name: long})
		if len(got) > 203 || filepath.Base(got) != got || strings.Contains(got, "\ufffd") {
			t.Errorf("%d: %q", len(got), got)
		}
	}
}

func TestKeyword(t *testing.T) {
	for s, want := range map[string]bool{"todo": true, "$Junk": true, "a.b-c_d/e": true, "": false, "a b": false, "a(b": false, "ä": false,
		`\Seen`: false, "a*": false, "a]": false, "a\x7f": false, strings.Repeat("k", 201): false} {
		if keyword(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestMerged(t *testing.T) {
	seq := func(hours ...int) iter.Seq2[item, error] {
		return func(yield func(item, error) bool) {
			for _, h := range hours {
				if h < 0 {
					yield(item{}, fmt.Errorf("hour %d", h))
					return
				}
				if !yield(item{Message: index.Message{ID: int64(h), Date: time.Unix(int64(h)*3600, 0)}}, nil) {
					return
				}
			}
		}
	}
	for _, c := range []struct {
		seqs []iter.Seq2[item, error]
		want string
	}{
		{nil, ""},
		{[]iter.Seq2[item, error]{seq(3, 2, 1)}, "3 2 1"},
		{[]iter.Seq2[item, error]{seq(9, 5, 1), seq(), seq(8, 7, 2), seq(6)}, "9 8 7 6 5 2 1"},
		{[]iter.Seq2[item, error]{seq(9, -1), seq(8, 7)}, "9 error"},
	} {
		var got []string
		for i, err := range merged(c.seqs) {
			if err != nil {
				got = append(got, "error")
				continue
			}
			got = append(got, fmt.Sprint(i.ID))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s, want %s", s, c.want)
		}
		for range merged(c.seqs) { // and stops when the reader does
			break
		}
	}
}
