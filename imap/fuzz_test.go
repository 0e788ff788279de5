package imap

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// said is what a command gathers of responses that end in a tagged OK. It is nil where they end the session.
func said(responses string) *inbox {
	w, _ := fed(responses+"T1 OK\r\n", &Options{})
	w.Write([]byte("T1 IDLE\r\n"))
	box := &inbox{Keep: true, List: true, Select: &Selected{}, Status: map[string]*Status{}, Found: &gathered{}, Personal: &namespace{}}
	w.open(box)
	for w.response() == nil {
	}
	if w.toLibrary.closed || !strings.HasPrefix(string(w.toLibrary.buf), "T1 OK") {
		return nil
	}
	return box
}

// A status response keeps every octet of its text, and its code is what stands between the brackets.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"[UIDNEXT 5] next", "[PERMANENTFLAGS (\\* a]b)] x", `[BADCHARSET ("a]b" "c\"]")] x`, "[x", "[] y", "[ 0]", "[REFERRAL imap://h/] go", "[ALERT]", "[COPYUID 1 (2 ] 3] x", "no code"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := parseReply("ok", []byte(line))
		text := strings.TrimLeft(line, " ")
		if r.Code == (code{}) && !strings.HasPrefix(text, "[") {
			if r.Text != text {
				t.Fatalf("%q has the text %q", line, r.Text)
			}
			return
		}
		if r.Code == (code{}) {
			return
		}
		again := parseReply("OK", []byte(strings.TrimSpace("["+strings.TrimSpace(r.Code.Name+" "+r.Code.Args)+"] "+r.Text)))
		if again != r && !strings.ContainsAny(r.Code.Name, "]") {
			t.Fatalf("%q is %+v, and that again %+v", line, r, again)
		}
		if !strings.HasSuffix(strings.TrimSpace(text), r.Text) || !strings.Contains(text, r.Code.Args) {
			t.Fatalf("%q has the code %q and the text %q", line, r.Code, r.Text)
		}
	})
}

// uidsOf makes UIDs of octets: near ones, far ones, and those at the edge.
func uidsOf(data []byte) (uids []imap.UID) {
	for len(data) >= 2 && len(uids) < 300 {
		u := imap.UID(binary.BigEndian.Uint16(data))
		switch data = data[2:]; u % 7 {
		case 0:
			u += 1<<32 - 1<<16
		case 1:
			u %= 64
		}
		uids = append(uids, max(u, 1))
	}
	return uids
}

// The same UIDs are found whether a server says SEARCH, ESEARCH or VANISHED, in whatever order, in one response or several.
func FuzzFound(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x02\x00\x05\xff\xff"), uint8(2))
	f.Add([]byte("\x00\x05\x00\x04\x00\x03\x00\x03"), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		uids := uidsOf(data)
		if len(uids) == 0 {
			return
		}
		var want imap.UIDSet
		want.AddNum(uids...)
		cutAt := int(cut) % len(uids)
		var search, set strings.Builder
		for i, u := range uids {
			fmt.Fprintf(&search, " %d", u)
			fmt.Fprintf(&set, "%s%d", map[bool]string{true: ",", false: ""}[i > 0], u)
			if i == cutAt {
				search.WriteString("\r\n* SEARCH")
			}
		}
		one, other, gone := said("* SEARCH"+search.String()+"\r\n"), said("* ESEARCH (TAG \"T1\") UID ALL "+set.String()+"\r\n"), said("* VANISHED (EARLIER) "+set.String()+"\r\n")
		for _, got := range []imap.UIDSet{one.Found.set(), other.Found.set(), gone.Vanished.set()} {
			if got.String() != want.String() {
				t.Fatalf("%v: %s, want %s", uids, got, want)
			}
		}
	})
}

// A set that is read is written as what was read, and says the same as its UIDs one by one.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"1", "5:3,4", "1,1,1", "4294967295", "1:4294967295", "*", "1:*", "0", "", ",", "1:2:3", "+5", " 5", "18446744073709551617"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, ok := parseSet(text)
		if !ok {
			return
		}
		if again, ok := parseSet(set.String()); !ok || !slices.Equal(again, set) {
			t.Fatalf("%q is %s, and that again %s", text, set, again)
		}
		for i, r := range set {
			if r.Start == 0 || r.Stop < r.Start || i > 0 && uint64(r.Start) <= uint64(set[i-1].Stop)+1 {
				t.Fatalf("%q is %v", text, set)
			}
		}
		const some = 1000
		if uids, ok := expand(text, some); ok {
			slices.Sort(uids)
			uids = slices.Compact(uids)
			if all := slices.Collect(UIDs(set)); !slices.Equal(all, uids) || count(set, some) != len(uids) {
				t.Fatalf("%q is %v one by one, and %v (%d) as a set", text, uids, all, count(set, some))
			}
		}
	})
}

// A mailbox is the same one in whichever way its name is spelt: an atom, quoted, a literal, by LIST or by STATUS.
func FuzzListed(f *testing.F) {
	for _, s := range []string{"INBOX", "a b", "&AOQ-", `a\"b`, "a]b[", "{5}", "NIL", "", "(", "\xe4", "x (y)", "*"} {
		f.Add(s, "/")
	}
	f.Fuzz(func(t *testing.T, name, delim string) {
		if strings.ContainsAny(name, "\r\n\x00") || strings.ContainsAny(delim, "\r\n\x00") || len(name) > 4096 || len(delim) > 64 {
			return
		}
		head := "* LIST (\\Marked) " + quote(delim) + " "
		literal := said(head + fmt.Sprintf("{%d}\r\n%s\r\n", len(name), name))
		forms := []string{quote(name), quote(name) + ` ("CHILDINFO" ("SUBSCRIBED"))`}
		if name != "" && !strings.ContainsAny(name, " (){\"\\") && !strings.EqualFold(name, "NIL") {
			forms = append(forms, name)
		}
		if literal == nil || len(literal.Lists) != 1 {
			t.Fatalf("%q: %+v", name, literal)
		}
		for _, form := range forms {
			box := said(head + form + "\r\n")
			if box == nil || len(box.Lists) != 1 || !reflect.DeepEqual(box.Lists[0], literal.Lists[0]) {
				t.Fatalf("%q as %s: %+v, want %+v", name, form, box, literal.Lists)
			}
		}
		if m := literal.Lists[0]; !m.Unusable && m.Name != "" {
			box := said("* STATUS " + quote(name) + " (MESSAGES 3)\r\n")
			if st := box.Status[m.Name]; st == nil || st.Messages != 3 {
				t.Fatalf("%q: %v", name, box.Status)
			}
		}
	})
}

// Of STATUS every number is the one that stands there, or not known; none keeps another from being read.
func FuzzStatusLine(f *testing.F) {
	f.Add("5", "4294967295", "9223372036854775808", uint8(0))
	f.Add("-1", "", "x", uint8(3))
	f.Fuzz(func(t *testing.T, messages, next, modseq string, turn uint8) {
		for _, v := range []string{messages, next, modseq} {
			if v == "" || strings.ContainsAny(v, " ()\"\r\n{}") || len(v) > 100 {
				return
			}
		}
		items := []string{"MESSAGES " + messages, "UIDNEXT " + next, "HIGHESTMODSEQ " + modseq, "UNSEEN 7", "X-OTHER (1 (2))"}
		for range turn % 5 {
			items = append(items[1:], items[0])
		}
		box := said("* STATUS a (" + strings.Join(items, " ") + ")\r\n")
		number := func(text string, most uint64) (n uint64) {
			for _, c := range []byte(text) {
				if c < '0' || c > '9' || n > (most-uint64(c-'0'))/10 {
					return 0
				}
				n = 10*n + uint64(c-'0')
			}
			return n
		}
		want := Status{uint32(number(messages, 1<<32-1)), imap.UID(number(next, 1<<32-1)), 0, 7, ModSeq(number(modseq, 1<<63-1))}
		if box == nil || box.Status["a"] == nil || *box.Status["a"] != want {
			t.Fatalf("%q: %+v, want %+v", items, box.Status["a"], want)
		}
	})
}

// A row says the same in whatever order its items stand.
func FuzzRow(f *testing.F) {
	f.Add(uint32(5), `\Seen a`, int64(1700000000), int64(3), uint64(9), uint16(77))
	f.Add(uint32(1<<32-1), ``, int64(-62135596800), int64(1<<62), uint64(1<<63), uint16(0))
	f.Fuzz(func(t *testing.T, uid uint32, flags string, date, size int64, modseq uint64, order uint16) {
		if strings.ContainsAny(flags, "(){}\"\\\r\n") || len(flags) > 1000 || uid == 0 {
			return
		}
		when := time.Unix(date%(1<<37), 0).UTC()
		items := []string{fmt.Sprint("UID ", uid), "FLAGS (" + flags + ")", `INTERNALDATE "` + when.Format("_2-Jan-2006 15:04:05 -0700") + `"`,
			fmt.Sprint("RFC822.SIZE ", size), fmt.Sprintf("MODSEQ (%d)", modseq), "X-GM-MSGID 5", "X-OTHER (\"a)\" (b) NIL)"}
		plain := said("* 1 FETCH (" + strings.Join(items, " ") + ")\r\n")
		for i := len(items) - 1; i > 0; i-- {
			j := int(order) % (i + 1)
			order /= 2
			items[i], items[j] = items[j], items[i]
		}
		turned := said("* 1 FETCH (" + strings.Join(items, " ") + ")\r\n")
		if plain == nil || turned == nil || !reflect.DeepEqual(plain.Kept, turned.Kept) || len(plain.Kept) != 1 {
			t.Fatalf("%q: %+v and %+v", items, plain, turned)
		}
		m := plain.Kept[0]
		if want := size; m.UID != imap.UID(uid) || size > 0 && size < 1<<sizeBits && m.Size != want || modseq < 1<<63 && m.ModSeq != ModSeq(modseq) || modseq >= 1<<63 && m.ModSeq != 0 {
			t.Fatalf("%q: %+v", items, m)
		}
		if y := when.Year(); y >= 1000 && y <= 9999 && !m.Date.Equal(when) {
			t.Fatalf("%v is %v", when, m.Date)
		}
	})
}

// Lines come as they are and without their ends, wherever the buffer ends; nothing is read twice or left out. (The limit: TestTrap7LongLine.)
func FuzzLines(f *testing.F) {
	f.Add("* OK\r\n\n\r\r\nx", uint16(1))
	f.Add("* SEARCH"+strings.Repeat(" 1", 40000)+"\r\n+", uint16(700))
	f.Fuzz(func(t *testing.T, in string, times uint16) {
		in = strings.Repeat(in, 1+int(times)%3000)
		in = in[:min(len(in), 3*bufferSize)]
		w, _ := fed(in, &Options{})
		rest := in
		for {
			line, err := w.in.next()
			want, after, ended := strings.Cut(rest, "\n")
			if err != nil {
				if ended {
					t.Fatalf("%v at %.100q", err, want)
				}
				return
			}
			if !ended || string(line) != strings.TrimSuffix(want, "\r") {
				t.Fatalf("%.100q (%d), want %.100q (%d)", line, len(line), want, len(want))
			}
			rest = after
		}
	})
}

// What is said of the namespace is its first prefix and separator, or nothing.
func FuzzNamespace(f *testing.F) {
	f.Add("((\"a\x00b\" \"/\"))")
	for _, s := range []string{`(("" "/")) NIL NIL`, `(("INBOX." ".")("x" NIL))`, `NIL`, `((`, `(("a" "/" "X" ("b")))`, `(({3}` + "\r\n" + `abc "."))`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		box := said("* NAMESPACE " + text + "\r\n")
		if box == nil {
			return
		}
		if p := box.Personal.prefix; p != "" && checkName(p) != nil || len(p) > 5*len(text) {
			t.Fatalf("%q has the prefix %q", text, p)
		}
	})
}
