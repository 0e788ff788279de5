package pop3

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Lists are read as a simple reader would read them: the number, then the size or the id. Lines come in any order, with blanks where
// servers put them.
func FuzzLists(f *testing.F) {
	f.Add("5", "abc", uint16(7), "\t")
	f.Add("99999999999999999999", "", uint16(0), "  ")
	f.Add("-1", "a b \xff", uint16(65535), "")
	f.Fuzz(func(t *testing.T, size, id string, number uint16, blanks string) {
		if strings.ContainsAny(size+id, "\r\n") || strings.ContainsAny(size, " \t") || strings.Trim(blanks, " \t") != "" || len(size)+len(id)+len(blanks) > 5000 {
			return
		}
		n := int(number) + 2
		var wire strings.Builder
		fmt.Fprintf(&wire, "+OK\r\n+OK 2 9\r\n+OK\r\n%s%d %s%s%s\r\n1 4 x\r\n.\r\n", strings.Trim(blanks, "."), n, blanks, size, blanks)
		fmt.Fprintf(&wire, "+OK\r\n1 first\r\n%d %s%s%s\r\n.\r\n", n, blanks, id, blanks)
		s := on([]byte(wire.String()), 0)
		defer s.Close()
		s.window = 2
		items, err := s.Survey(context.Background())
		if err != nil || len(items) != 2 {
			t.Fatalf("%q: %v, %v", wire.String(), items, err)
		}
		want, err := strconv.ParseInt(size, 10, 64)
		if err != nil || want < 0 || want > maxSize || size[0] == '+' || size[0] == '-' {
			want = 0
		}
		if got := items[1]; got.Number != Number(n) || got.Size != want || got.UIDL != strings.Trim(id, " \t") || items[0] != (Item{1, 4, "first"}) {
			t.Fatalf("%q: %+v", wire.String(), items)
		}
	})
}

// A capability is what its line says, wherever it stands and in whatever case, and no line hides another.
func FuzzCapability(f *testing.F) {
	f.Add("X-OTHER a b", "PLAIN  LOGIN", "-5")
	f.Add("SASL", "", "99999999999")
	f.Add("expire", "x\ty", "7 USER")
	f.Fuzz(func(t *testing.T, other, mechanisms, delay string) {
		if strings.ContainsAny(other+mechanisms+delay, "\r\n") || len(other)+len(mechanisms)+len(delay) > 2000 || strings.HasPrefix(other, ".") {
			return
		}
		lines := []string{"uidl", "TOP", "SASL " + mechanisms, "LOGIN-DELAY " + delay, "PIPELINING"}
		var all []Capabilities
		for at := range len(lines) + 1 {
			with := append(append(append([]string{}, lines[:at]...), other), lines[at:]...)
			s := on([]byte("+OK\r\n+OK\r\n"+strings.Join(with, "\r\n")+"\r\n.\r\n"), 0)
			if err := s.capa(); err != nil {
				t.Fatal(err)
			}
			all = append(all, s.Capabilities())
			s.Close()
		}
		for i, c := range all {
			if !c.Known || !c.UIDL || !c.TOP || !c.Pipelining || c.LoginDelay < 0 || len(c.SASL) < len(strings.Fields(mechanisms)) {
				t.Fatalf("%q at %d: %+v", other, i, c)
			}
		}
	})
}
