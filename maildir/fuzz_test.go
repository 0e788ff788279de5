package maildir

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A keyword table that was read is the same when it is written and read again; what cannot be read hides no line that follows.
func FuzzKeywords(f *testing.F) {
	for _, s := range []string{"0 $Junk\n1 b\n", "25 z\n26 no\n", "0 a\n0 b", "x\n\n 3  c d \r\n", "-1 a\n00 b\n", "9999999999999999999 a\n", "\x00 \x00"} {
		f.Add(s, "new")
	}
	f.Fuzz(func(t *testing.T, content, keyword string) {
		table := parseKeywords(content)
		var written strings.Builder
		for i, k := range table {
			if strings.ContainsAny(k, " \n\r\t") {
				t.Fatalf("%q lists %q", content, k)
			}
			if k != "" {
				written.WriteString(string(rune('0'+i/10)) + string(rune('0'+i%10)) + " " + k + "\n")
			}
		}
		if again := parseKeywords(written.String()); again != table {
			t.Fatalf("%q reads as %q, and that as %q", content, table, again)
		}
		if again := parseKeywords(content + "\n25 " + "last\n"); table[25] == "" && again[25] != "last" {
			t.Fatalf("%q hides the line behind it", content)
		}
		ks := NewKeywords(keyword)
		letters, without := table.Letters(ks)
		back, unlisted := table.Keywords(letters)
		if unlisted != "" || len(back.Names())+len(without.Names()) != len(ks.Names()) {
			t.Fatalf("%q in %q: letters %q, without %q, back %q", ks, table, letters, without, back)
		}
	})
}

// Whatever a mailbox is called, it lies in one plain folder, and that folder says what it is called; also percent signs that came so.
func FuzzFolder(f *testing.F) {
	for _, s := range []string{"a/b", "%", "%2F", "..", "cur", ".x", "a.b", "\x00\x7f", "é\u0301", strings.Repeat("ü", 300), "CUR", "postie.db", "&", "INBOX"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, name string, dots bool) {
		l := FS
		if dots {
			l = MaildirPlusPlus
		}
		parts := strings.Split(name, "\n")
		if !utf8.ValidString(name) || len(parts) > 5 {
			return
		}
		folder := l.Folder(parts)
		if !plain(l, folder) {
			t.Fatalf("%q lies in %q", parts, folder)
		}
		back, whole := l.Mailbox(folder)
		if whole && strings.Join(back, "\n") != name && !strings.EqualFold(name, "INBOX") {
			t.Fatalf("%q lies in %q, which is that of %q", parts, folder, back)
		}
		for _, part := range parts {
			if coded := escape(part, dots); unescape(coded) != part || len(coded) > 3*len(part)+1 {
				t.Fatalf("%q is %q, and that is %q", part, coded, unescape(coded))
			}
		}
	})
}
