package imaptest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
)

// What a client gets of what a server says, behind each kind of quirk. Literals are left as they are.
func TestQuirks(t *testing.T) {
	const fetch = "* 3 FETCH (UID 5 FLAGS (\\Seen a) BODY[HEADER.FIELDS (A)] {7}\r\n(UID 6) X \"y\")"
	for name, tt := range map[string]struct {
		quirk      Quirk
		said, want string
	}{
		"UID last":      {Last("UID"), fetch, "* 3 FETCH (FLAGS (\\Seen a) BODY[HEADER.FIELDS (A)] {7}\r\n(UID 6) X \"y\" UID 5)"},
		"body first":    {First("BODY"), fetch, "* 3 FETCH (BODY[HEADER.FIELDS (A)] {7}\r\n(UID 6) UID 5 FLAGS (\\Seen a) X \"y\")"},
		"split":         {Split("BODY", false), fetch, "* 3 FETCH (UID 5 FLAGS (\\Seen a) X \"y\")\r\n* 3 FETCH (UID 5 BODY[HEADER.FIELDS (A)] {7}\r\n(UID 6))"},
		"small letters": {SmallLetters(), fetch, "* 3 fetch (uid 5 flags (\\seen a) body[header.fields (A)] {7}\r\n(UID 6) X \"y\")"},
		"replace":       {Replace("UID ", "Uid  "), fetch, strings.Replace(fetch, "UID 5", "Uid  5", 1)},
		"nothing left":  {Replace(`^\* OK .*`, ""), "* OK [UIDNEXT 3] hi", ""},
		"before":        {Before("FETCH", "* 1 RECENT"), fetch, "* 1 RECENT\r\n" + fetch},
		"without":       {Without("MOVE"), "* OK [CAPABILITY IMAP4rev1 MOVE] hi", "* OK [CAPABILITY IMAP4rev1] hi"},
	} {
		got := ""
		for _, r := range tt.quirk.Says(&Dialogue{}, tt.said) {
			got += r + "\r\n"
		}
		if strings.TrimSuffix(got, "\r\n") != tt.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// The man in the middle: the server gets literals without being asked for leave, and nothing of what was refused.
func TestDistort(t *testing.T) {
	script := Script{Text: `
		S: * OK hi
		C= "a APPEND x {3+}\r\na\r\n\r\n"
		S: a OK done
		C= "c NOOP\r\nDONE\r\n"
		S= "c OK {2}\r\nxy\r\n"
	`}.Start()
	dial := Distort(script.Dial, Refuse("^MOVE", 1, "NO [LIMIT] later"), Without("ID"), Replace("hi", "ho"))
	conn, err := dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, step := range []struct{ send, want string }{
		{"", "* OK ho"}, {"a APPEND x {3}\r\n", "+ go ahead"}, {"a\r\n\r\n", "a OK done"}, {"b MOVE 1 x\r\n", "b NO [LIMIT] later"},
		{"d ID NIL\r\n", "d BAD what is that?"}, {"c NOOP\r\nDONE\r\n", "c OK {2}"}, {"", "xy"},
	} {
		fmt.Fprint(conn, step.send)
		if got, err := r.ReadString('\n'); got != step.want+"\r\n" {
			t.Fatalf("%q: got %q, %v", step.send, got, err)
		}
	}
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("the connection outlives the server")
	}
	if err := script.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := Distort(func(context.Context) (net.Conn, error) { return nil, net.ErrClosed })(context.Background()); err == nil {
		t.Error("no server, no error")
	}
}
