package pop3test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Script is a written dialogue, one step a line:
//
//	S: +OK ready              the server sends this line and CRLF
//	S: "+OK\r\n+OK more\r\n"  the server sends these octets, a Go string, in one write and nothing added
//	C: CAPA                   the client must send exactly this line, ended by CRLF
//	C: "AUTH PLAIN =\r\n"     the client must send exactly these octets
//	TLS                       the server side of a TLS handshake; all goes through TLS from here
//	CLOSE                     the server hangs up
//	SILENCE                   the server waits until the client hangs up
//	DRIBBLE: +OK 1            the server sends this, an octet a second, then x without end, until the client hangs up
//	SLOW: 1000 50             the server sends 1000 octets x, 50 of them a second
//
// Blanks around a step, empty lines and lines that begin with # mean nothing. After the last step the client may say
// nothing more, only hang up.
type Script struct {
	Text string
	TLS  *tls.Config // for the step TLS
}

// Playing is a Script with a client at the other end.
type Playing struct {
	client net.Conn
	done   chan error
}

// Play starts a script on one end of a net.Pipe.
func (s Script) Play() *Playing {
	client, server := net.Pipe()
	p := &Playing{client: client, done: make(chan error, 1)}
	go func() {
		defer server.Close()
		p.done <- s.Run(server)
	}()
	return p
}

// Dial gives the other end; its form suits pop3.Options.
func (p *Playing) Dial(context.Context) (net.Conn, error) { return p.client, nil }

// Wait waits for the end, and says where the client left the script, or nil. It is called once, when the client has
// hung up or is about to.
func (p *Playing) Wait() error { return <-p.done }

// Run plays the server on conn until the script ends or the client leaves it.
func (s Script) Run(conn net.Conn) error {
	p := player{conn: conn, in: bufio.NewReader(conn)}
	for i, step := range strings.Split(s.Text, "\n") {
		step = strings.TrimSpace(step)
		if step == "" || strings.HasPrefix(step, "#") {
			continue
		}
		over, err := p.step(step, s.TLS)
		if err != nil {
			return fmt.Errorf("script line %d: %s: %w", i+1, step, err)
		}
		if over {
			return nil
		}
	}
	return p.silence()
}

type player struct {
	conn net.Conn
	in   *bufio.Reader
}

func (p *player) step(step string, config *tls.Config) (over bool, err error) {
	verb, text, _ := strings.Cut(step, ": ")
	octets := []byte(text + "\r\n")
	if unquoted, err := strconv.Unquote(text); err == nil {
		octets = []byte(unquoted)
	}
	switch strings.TrimSuffix(verb, ":") {
	case "S":
		_, err = p.conn.Write(octets)
	case "C":
		err = p.expect(octets)
	case "TLS":
		conn := tls.Server(p.conn, config)
		p.conn, p.in = conn, bufio.NewReader(conn)
		err = conn.Handshake()
	case "CLOSE":
		return true, p.conn.Close()
	case "DRIBBLE":
		go io.Copy(io.Discard, p.in)
		p.slowly(text, 1<<30, 1)
		return true, nil
	case "SLOW":
		var n, rate int
		fmt.Sscan(text, &n, &rate)
		return false, p.slowly("", n, rate)
	case "SILENCE":
		return true, p.silence()
	default:
		err = errors.New("no such step")
	}
	return false, err
}

// slowly writes begin and n octets more, rate of them a second.
func (p *player) slowly(begin string, n, rate int) (err error) {
	for sent := 0; err == nil && sent < len(begin)+n; sent += rate {
		time.Sleep(time.Second)
		text := strings.Repeat("x", min(rate, len(begin)+n-sent))
		if sent < len(begin) {
			text = begin[sent : sent+1]
		}
		_, err = io.WriteString(p.conn, text)
	}
	return err
}

// expect reads as many octets as want has, or to the first line end that differs.
func (p *player) expect(want []byte) error {
	var got []byte
	for len(got) < len(want) {
		c, err := p.in.ReadByte()
		if err != nil {
			return fmt.Errorf("client sent %q: %w", got, err)
		}
		if got = append(got, c); c == '\n' && !bytes.HasPrefix(want, got) {
			break
		}
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("client sent %q", got)
	}
	return nil
}

// silence waits for the client to hang up.
func (p *player) silence() error {
	got, err := p.in.ReadByte()
	if err == nil {
		rest, _ := p.in.Peek(p.in.Buffered())
		return fmt.Errorf("client went on: %q", string(got)+string(rest))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}
