package pop3_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"postie/pop3"
	"postie/pop3/pop3test"
)

func TestSurvey(t *testing.T) {
	id := strings.Repeat("u", 300)
	for _, test := range []struct {
		name, script string
		want         []pop3.Item
	}{
		{"empty costs STAT alone", in() + "C: STAT\nS: +OK 0 0\n", nil},
		{"one at a time", in() + "C: STAT\nS: +OK 1 120\nC: LIST\nS: +OK\nS: 1 120\nS: .\nC: UIDL\nS: +OK\nS: 1 abc\nS: .\n", []pop3.Item{{1, 120, "abc"}}},
		{"together", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 1 120\nS: +OK\nS: 1 120\nS: .\nS: +OK\nS: 1 abc\nS: .\n", []pop3.Item{{1, 120, "abc"}}},
		{"together, empty, lists refused", in("PIPELINING", "UIDL") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 0 0\nS: -ERR no messages\nS: -ERR no messages\n", nil},
		{"gaps, any order", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 9\nS: +OK\nS: 7 5\nS: 2 4\nS: .\nS: +OK\nS: 2 b\nS: 7 g\nS: .\n", []pop3.Item{{2, 4, "b"}, {7, 5, "g"}}},
		{"twin ids", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 9\nS: +OK\nS: 1 5\nS: 2 4\nS: .\nS: +OK\nS: 1 b\nS: 2 b\nS: .\n", []pop3.Item{{1, 5, "b"}, {2, 4, "b"}}},
		{"no UIDL", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 1 9\nS: +OK\nS: 1 9\nS: .\nS: -ERR what?\n", []pop3.Item{{1, 9, ""}}},
		{"LIST is right, not STAT", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 0 0\nS: +OK\nS: 1 9\nS: .\nS: +OK\nS: 1 a\nS: .\n", []pop3.Item{{1, 9, "a"}}},
		{"untidy", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2  9 octets\nS: +OK list\n" + `S: "1   9 \r\n2\t8\tmore fields\n.\n"` + "\nS: +OK\n" +
			`S: " 1  a \r\n02 ` + id + `\r\n.\r\n"` + "\n", []pop3.Item{{1, 9, "a"}, {2, 8, id}}},
		{"sizes absent, negative, of words, too large", in() + "C: STAT\nS: +OK 4 9\nC: LIST\nS: +OK\nS: 1\nS: 2 -5\nS: 3 big\nS: 4 9223372036854775808\nS: .\nC: UIDL\nS: +OK\n" +
			"S: 1 a\nS: 2 b\nS: 3 c\nS: 4 d\nS: .\n", []pop3.Item{{1, 0, "a"}, {2, 0, "b"}, {3, 0, "c"}, {4, 0, "d"}}},
		{"odd ids", in() + "C: STAT\nS: +OK 9 9\nC: LIST\nS: +OK\nS: 1 1\nS: 2 2\nS: 3 3\nS: 4 4\nS: 5 5\nS: 6 6\nS: 7 7\nS: .\nC: UIDL\nS: +OK\n" +
			`S: "1 \r\n2 a b\tc \r\n3 \xe4\r\n4 d\r\n4 d\r\n5 e\r\n5 f\r\n\r\nwords\r\n8 h\r\n7\r\n.\r\n"` + "\n",
			[]pop3.Item{{1, 1, ""}, {2, 2, "a b\tc"}, {3, 3, "\xe4"}, {4, 4, "d"}, {5, 5, ""}, {6, 6, ""}, {7, 7, ""}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := connect(t, play(t, test.script))
			got, err := s.Survey(context.Background())
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestSurveyNonsense(t *testing.T) {
	script := func(stat, list, uidl string) string {
		return in() + "C: STAT\n" + `S: "` + stat + `"` + "\nC: LIST\nS: +OK\n" + `S: "` + list + `.\r\n"` + "\nC: UIDL\nS: +OK\n" + `S: "` + uidl + `.\r\n"`
	}
	for _, test := range []struct{ name, stat, list, uidl string }{
		{"STAT of words", `+OK many\r\n`, ``, ``},
		{"STAT of nothing", `+OK\r\n`, ``, ``},
		{"STAT negative", `+OK -1 5\r\n`, ``, ``},
		{"empty answer", `\r\n`, ``, ``},
		{"no number", `+OK 1 1\r\n`, `a 1\r\n`, ``},
		{"number 0", `+OK 1 1\r\n`, `0 1\r\n`, ``},
		{"negative number", `+OK 1 1\r\n`, `-1 1\r\n`, ``},
		{"number beyond 63 bits", `+OK 1 1\r\n`, `9223372036854775808 1\r\n`, ``},
		{"blank line in the list", `+OK 1 1\r\n`, `\r\n`, ``},
		{"number twice", `+OK 1 1\r\n`, `1 1\r\n2 1\r\n1 1\r\n`, ``},
		{"endless line", `+OK 1 1\r\n`, `1 1 ` + strings.Repeat("x", 1<<14) + `\r\n`, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := pop3test.Script{Text: script(test.stat, test.list, test.uidl)}.Play() // the client hangs up in the middle
			s := connect(t, p.Dial)
			items, err := s.Survey(context.Background())
			var nonsense *pop3.ProtocolError
			if !errors.As(err, &nonsense) || items != nil {
				t.Fatalf("got %v, %T %v", items, err, err)
			}
			if again := s.Quit(context.Background()); !errors.As(again, &nonsense) {
				t.Errorf("the session goes on: %v", again)
			}
			p.Wait()
		})
	}
}

// A refusal leaves the session in step, also when the answers to what was pipelined behind it follow.
func TestSurveyRefused(t *testing.T) {
	for _, test := range []struct{ name, script, command string }{
		{"STAT", in() + "C: STAT\nS: -ERR [SYS/TEMP] no\n", "STAT"},
		{"LIST", in() + "C: STAT\nS: +OK 1 1\nC: LIST\nS: -ERR [SYS/TEMP] no\n", "LIST"},
		{"UIDL", in("UIDL") + "C: STAT\nS: +OK 1 1\nC: LIST\nS: +OK\nS: 1 1\nS: .\nC: UIDL\nS: -ERR [SYS/TEMP] no\n", "UIDL"},
		{"STAT together", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: -ERR [SYS/TEMP]\nS: +OK\nS: 1 1\nS: .\nS: +OK\nS: 1 a\nS: .\n", "STAT"},
		{"LIST together", in("PIPELINING") + "C: STAT\nC: LIST\nC: UIDL\nS: +OK 1 1\nS: -ERR [SYS/TEMP]\nS: -ERR\n", "LIST"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := connect(t, play(t, test.script+"C: QUIT\nS: +OK\n"))
			_, err := s.Survey(context.Background())
			var refusal *pop3.Error
			if !errors.As(err, &refusal) || refusal.Command != test.command || !refusal.Temporary() {
				t.Errorf("got %T %v", err, err)
			}
			if err := s.Quit(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSurveyAgainstServer(t *testing.T) {
	messages := []pop3test.Message{{Body: []byte("a\r\n"), UIDL: "x"}, {Body: []byte("b"), UIDL: "x"}, {Size: 99, UIDL: "z"}, {Body: []byte("..")}}
	for _, without := range []string{"", "PIPELINING", "UIDL", "CAPA"} {
		t.Run("without "+without, func(t *testing.T) {
			server := serve(t, pop3test.Options{Without: []string{without}}, messages...)
			s := connect(t, server.Pipe)
			server.ResetLog()
			got, err := s.Survey(context.Background())
			want := []pop3.Item{{1, 3, "x"}, {2, 3, "x"}, {3, 99, "z"}, {4, 4, "00000004"}}
			if without == "UIDL" {
				for i := range want {
					want[i].UIDL = ""
				}
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %v", got, err)
			}
			if sent := fmt.Sprint(server.Commands()); sent != "[{1 STAT} {1 LIST} {1 UIDL}]" {
				t.Error(sent)
			}
		})
	}
}
