package pop3_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// plain are messages of which the second has a line of one dot, and after it what a server without byte-stuffing makes of it.
func plain(rest string) (messages []pop3test.Message) {
	for i := range 4 {
		body := fmt.Sprintf("Subject: %d\r\n\r\nbody %d\r\n", i+1, i+1)
		if i == 1 {
			body += ".\r\n" + rest
		}
		messages = append(messages, pop3test.Message{Body: []byte(body), UIDL: fmt.Sprint("uid", i+1)})
	}
	return messages
}

// A server that doubles no dots: what follows a line of one dot is no answer, whatever it looks like, and all that came since is
// in doubt. No message is given out as another one.
func TestUnstuffed(t *testing.T) {
	for _, rest := range []string{"two\r\n", "+OK\r\n", "+OK two\r\nmore\r\n", "-ERR two\r\n", "+OK 2 uid9\r\n", "+OK 2 37\r\n", ".\r\n", "+OK\r\n.\r\n+OK\r\n.\r\n", "-ERR a\r\n-ERR b\r\n", "x"} {
		for _, without := range []string{"", "PIPELINING"} {
			for _, window := range []int{0, 2} {
				t.Run(fmt.Sprintf("%q %s %d", rest, without, window), func(t *testing.T) {
					messages := plain(rest)
					server := serve(t, pop3test.Options{Unstuffed: true, Without: []string{without}}, messages...)
					s, err := pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice(), Window: window})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					items, err := s.Survey(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					sure := 0
					for m, e := range s.Retrieve(context.Background(), slices.Values(items)) {
						if m.InStep {
							sure = int(m.Number) - 1
						}
						err = e
					}
					if nonsense := (*pop3.ProtocolError)(nil); !errors.As(err, &nonsense) || sure != 1 {
						t.Errorf("%d messages are sure, %v", sure, err)
					}
				})
			}
		}
	}
}

// A server whose sizes are too large, as some are, is asked now and then whether it is still in step, and in step it is.
func TestSizesTooLarge(t *testing.T) {
	var messages []pop3test.Message
	for i := range 100 {
		messages = append(messages, pop3test.Message{Body: []byte(strings.Repeat("x", i) + "\r\n"), Size: 200})
	}
	refuse := func(_, command string) string {
		if strings.HasPrefix(command, "UIDL ") || strings.HasPrefix(command, "LIST ") {
			return "no arguments, please"
		}
		return ""
	}
	for _, test := range []struct {
		o      pop3test.Options
		window int
		probes int // at most
	}{
		{pop3test.Options{}, 0, 1}, {pop3test.Options{}, 16, 13}, {pop3test.Options{Without: []string{"UIDL"}}, 16, 13},
		{pop3test.Options{}, 1, 100}, {pop3test.Options{Without: []string{"PIPELINING"}, Refuse: refuse}, 0, 300},
	} {
		server := serve(t, test.o, messages...)
		s, err := pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice(), Window: test.window})
		if err != nil {
			t.Fatal(err)
		}
		items, err := s.Survey(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		server.ResetLog()
		all, err := read(s.Retrieve(context.Background(), slices.Values(items)))
		if err != nil || len(all) != 100 {
			t.Errorf("%+v: %d messages, %v", test.o.Without, len(all), err)
		}
		if probes := len(server.Commands()) - 100; probes < 1 || probes > test.probes {
			t.Errorf("window %d: %d probes, want up to %d", test.window, probes, test.probes)
		}
		s.Close()
	}
}
