package pop3test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options are what a Server can do, and does wrong. The zero value is an honest server in cleartext that offers all.
type Options struct {
	TLS      *tls.Config // offers STLS; nil: no TLS
	Implicit bool        // TLS from the first byte

	// Without takes away by name: "CAPA", "USER", "TOP", "UIDL", "RESP-CODES", "SASL", "APOP", "STLS". The command
	// is refused and not announced. Without "PIPELINING" what a client sends behind a command, before its answer, is
	// lost. Behind a login it is lost always, as with some servers.
	Without []string

	Mechanisms []string // offered by SASL; nil: all it knows, PLAIN LOGIN XOAUTH2 (the token is the password)
	NoInitial  bool     // AUTH takes no initial response: the server says -ERR and hangs up, as Microsoft's does
	Greeting   string   // instead of "+OK … <stamp>"; "-ERR …" ends the session

	Latency time.Duration // each octet of the client arrives that much later: a round trip takes as long

	// Refuse is asked about each command. If it answers with a text, that is the answer after "-ERR "
	// ("[SYS/TEMP] try later"). user is "" before the login. It is called from many goroutines.
	Refuse func(user, command string) string

	// Answer is asked about each command too. If it gives an answer, that is sent and the command is not executed. It is
	// called from many goroutines.
	Answer func(Command) *Answer

	// Distort is given each command that was executed, and the honest answer, and says what is sent in its place. It is called from
	// many goroutines.
	Distort func(c Command, answer string) string

	Unstuffed bool // dots at the begin of a line are not doubled, so that a line of one dot ends a message too early
	Numbered  bool // a message's UIDL is its number, so that it changes when another message is deleted
	BareLF    bool // all lines end in LF alone
}

// Answer is what a server says instead of an honest answer.
type Answer struct {
	Octets string // sent as they are
	HangUp bool   // then the connection is closed
	Stall  bool   // then nothing more comes
}

// Command is one line that a client sent.
type Command struct {
	Session int // from 1, in the order of connections
	Line    string
}

// Server is a POP3 server with maildrops in memory.
type Server struct {
	o        Options
	listener net.Listener
	wg       sync.WaitGroup

	mu         sync.Mutex
	ended      *sync.Cond // a session has
	drops      map[string]*maildrop
	fault      Fault
	conns      map[net.Conn]bool
	closed     bool
	sessions   int
	cuts       int
	serial     int
	roundTrips int
	commands   []Command
}

// NewServer makes a server that nobody can reach yet: see Listen and Pipe.
func NewServer(o Options) *Server {
	s := &Server{o: o, drops: map[string]*maildrop{}, conns: map[net.Conn]bool{}}
	s.ended = sync.NewCond(&s.mu)
	return s
}

// Listen makes the server reachable on a loopback port of its choice and returns HOST:PORT. It is called once.
func (s *Server) Listen() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	s.listener = l
	s.wg.Add(1)
	go s.accept()
	return l.Addr().String(), nil
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serve(conn)
	}
}

// Dial connects to what Listen opened. Its form suits pop3.Options; TLS is left to the client.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	if s.listener == nil {
		return nil, errors.New("server does not listen")
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", s.listener.Addr().String())
}

// Pipe connects without a network: the client's end of a net.Pipe, which buffers nothing. Its form suits pop3.Options.
func (s *Server) Pipe(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	s.serve(server)
	return client, nil
}

// serve starts a session.
func (s *Server) serve(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.sessions++
	s.conns[conn] = true
	c := &session{s: s, id: s.sessions, raw: conn, fault: s.fault}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		c.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
		s.ended.Broadcast()
	}()
}

// Wait waits until all sessions have ended. A client that hung up and comes again at once may else find its maildrop
// still locked.
func (s *Server) Wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) > 0 {
		s.ended.Wait()
	}
}

// Close ends all sessions at once, without UPDATE, and waits for their goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	var err error
	if s.listener != nil {
		if err = s.listener.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	s.wg.Wait()
	return err
}

// SetFault decides what happens to the connections that come after it.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Commands returns what all clients have sent since the last ResetLog, in the order of arrival. Lines of an AUTH
// exchange are not in it.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// RoundTrips counts how often, since the last ResetLog, the server had answered all it had read and gone to wait.
func (s *Server) RoundTrips() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roundTrips
}

// Sessions counts the connections so far.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// Cuts counts the connections that a Fault or an Answer has ended.
func (s *Server) Cuts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cuts
}

func (s *Server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts++
}

// ResetLog forgets commands and round trips.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands, s.roundTrips = nil, 0
}

func (s *Server) log(c Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, c)
}

func (s *Server) waits() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roundTrips++
}

func (o *Options) answer(c Command) *Answer {
	if o.Answer == nil {
		return nil
	}
	return o.Answer(c)
}

// has says whether a capability was left to the server.
func (o *Options) has(name string) bool { return !slices.Contains(o.Without, name) }

func (o *Options) mechanisms() []string {
	if !o.has("SASL") {
		return nil
	}
	if o.Mechanisms != nil {
		return o.Mechanisms
	}
	return []string{"PLAIN", "LOGIN", "XOAUTH2"}
}

func (o *Options) greeting(stamp string) string {
	if !o.has("APOP") {
		stamp = ""
	}
	return cmp.Or(o.Greeting, "+OK postie test server ready "+stamp)
}
