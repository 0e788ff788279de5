// Package imaptest plays a written IMAP dialogue, for what no sane server does.
//
// A script is one step a line; empty lines and those that begin with # are skipped:
//
//	S: * OK [CAPABILITY IMAP4rev1] hello   sends a line
//	S= "* 1 FETCH (UID 5 BODY[] {3}\r\na"   sends exactly these octets, a quoted string of Go
//	C: A LOGIN ...                         reads a line, which must be like this one
//	C= "Hello\r\n"                         reads octets, which must be these
//	starttls                               TLS from here on, the server's side
//	deflate                                both directions are compressed from here on
//	hang                                   reads on, without an answer, until the client closes
//	chatter                                sends "* OK" once a second until the client closes
//	rows                                   sends the flags of a message once a second until the client closes
//	octets                                 sends an octet of an untagged response once a second until the client closes
//	slow 1000 50                           sends 1000 octets x, 50 of them a second
//	minutes 20                             sends whole messages with UID 1 to 20, one every 59 seconds
//	close                                  closes the connection; so does the end of the script
//
// In C: lines "..." stands for any text. The first word of a C: line, when it is one capital letter, stands for the
// client's tag; the same letter as the first word of a later S: line is that tag. An S: line may begin with $A for it too.
package imaptest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Script is a dialogue and how it is played.
type Script struct {
	Text    string
	Dribble bool        // one octet at a time
	TLS     *tls.Config // for starttls
}

// Server plays a script to one client.
type Server struct {
	script Script
	client net.Conn
	done   chan struct{}
	err    error

	conn net.Conn
	r    *bufio.Reader
	w    io.Writer
	z    *flate.Writer
	tags map[string]string
}

// Start begins to play. The client's side of the connection is had by Dial.
func (s Script) Start() *Server {
	client, conn := net.Pipe()
	srv := s.server(conn)
	srv.client = client
	go func() {
		defer close(srv.done)
		defer conn.Close()
		srv.err = srv.play()
	}()
	return srv
}

// Run plays on conn, to any client, until the script ends, and closes conn. The error names the step that did not come
// out as written.
func (s Script) Run(conn net.Conn) error {
	defer conn.Close()
	return s.server(conn).play()
}

func (s Script) server(conn net.Conn) *Server {
	return &Server{script: s, conn: conn, r: bufio.NewReader(conn), w: conn, done: make(chan struct{}), tags: map[string]string{}}
}

// Dial gives the client's side. There is one.
func (s *Server) Dial(context.Context) (net.Conn, error) { return s.client, nil }

// Wait waits until the script has ended. The error names the step that did not come out as written.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

func (s *Server) play() error {
	for i, line := range strings.Split(s.script.Text, "\n") {
		step := strings.TrimSpace(line)
		if step == "" || strings.HasPrefix(step, "#") {
			continue
		}
		if step == "close" {
			return nil
		}
		if err := s.step(step); err != nil {
			return fmt.Errorf("line %d, %s: %w", i+1, step, err)
		}
	}
	return nil
}

func (s *Server) step(step string) error {
	verb, rest, _ := strings.Cut(step, " ")
	switch verb {
	case "S:":
		return s.send(s.tagged(rest) + "\r\n")
	case "S=":
		text, err := strconv.Unquote(rest)
		if err != nil {
			return err
		}
		return s.send(text)
	case "C:":
		return s.expect(rest)
	case "C=":
		return s.octets(rest)
	case "starttls":
		t := tls.Server(s.conn, s.script.TLS)
		s.conn, s.r, s.w = t, bufio.NewReader(t), t
		return t.Handshake()
	case "deflate":
		z, err := flate.NewWriter(s.conn, flate.BestSpeed)
		s.z, s.w, s.r = z, z, bufio.NewReader(flate.NewReader(s.r))
		return err
	case "hang":
		io.Copy(io.Discard, s.conn)
		return nil
	case "chatter", "rows", "octets", "slow", "minutes":
		return s.slowly(verb, rest)
	}
	return errors.New("no such step")
}

// slowly sends what has its time.
func (s *Server) slowly(verb, rest string) (err error) {
	go io.Copy(io.Discard, s.conn)
	var n, rate int
	fmt.Sscan(rest, &n, &rate)
	for i := 1; err == nil && (n == 0 || i <= n); i++ {
		text, wait := "* OK still here\r\n", time.Second
		switch verb {
		case "rows":
			text = "* 1 FETCH (FLAGS (\\Seen))\r\n"
		case "octets":
			text = "* OK x"[min(i, 6)-1 : min(i, 6)]
		case "slow":
			text, i = strings.Repeat("x", min(rate, n-i+1)), i+min(rate, n-i+1)-1
		case "minutes":
			text, wait = fmt.Sprintf("* %d FETCH (UID %d FLAGS () INTERNALDATE \"x\" BODY[] {1}\r\nx)\r\n", i, i), 59*time.Second
		}
		time.Sleep(wait)
		err = s.send(text)
	}
	if n == 0 {
		err = nil // the client has enough
	}
	return err
}

func (s *Server) tagged(line string) string {
	first, rest, _ := strings.Cut(line, " ")
	if tag := s.tags[strings.TrimPrefix(first, "$")]; tag != "" {
		return tag + " " + rest
	}
	return line
}

func (s *Server) send(text string) error {
	size := len(text)
	if s.script.Dribble {
		size = 1
	}
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(s.w, text[:n]); err != nil {
			return err
		}
		if s.z != nil {
			if err := s.z.Flush(); err != nil {
				return err
			}
		}
		text = text[n:]
	}
	return nil
}

func (s *Server) expect(want string) error {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("client: %q, %w", line, err)
	}
	got := strings.TrimSuffix(line, "\r\n")
	letter, _, _ := strings.Cut(want, " ")
	if len(letter) == 1 && letter >= "A" && letter <= "Z" {
		tag, _, _ := strings.Cut(got, " ")
		s.tags[letter] = tag
		want = tag + want[1:]
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, ".*") + "$"
	if !regexp.MustCompile(pattern).MatchString(got) {
		return fmt.Errorf("client sent %q", got)
	}
	return nil
}

func (s *Server) octets(quoted string) error {
	want, err := strconv.Unquote(quoted)
	if err != nil {
		return err
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s.r, got); err != nil {
		return fmt.Errorf("client sent %q, %w", got[:n], err)
	}
	if !bytes.Equal(got, []byte(want)) {
		return fmt.Errorf("client sent %q", got)
	}
	return nil
}
