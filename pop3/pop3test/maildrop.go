package pop3test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// Message is one message of a maildrop.
type Message struct {
	Body []byte           // wire form; what does not end in CRLF gets one on the wire
	Open func() io.Reader // instead of Body: a fresh reader of the same octets each time, for what is too large to keep
	UIDL string           // any, also one that others have; "": a fresh one
	Size int64            // what LIST says; 0: the truth
}

// open gives the message as it is without stuffing.
func (m *Message) open() io.Reader {
	if m.Open != nil {
		return m.Open()
	}
	return bytes.NewReader(m.Body)
}

// maildrop belongs to one user. Server.mu guards it; a session works on a copy of the list.
type maildrop struct {
	password string
	messages []*Message
	locked   bool // RFC 1939 section 4: one session at a time
}

// SetMaildrop gives a user a password and messages, in place of what was there.
func (s *Server) SetMaildrop(user, password string, messages ...Message) {
	s.mu.Lock()
	d := s.drops[user]
	if d == nil {
		d = &maildrop{}
		s.drops[user] = d
	}
	d.password, d.messages = password, nil
	s.mu.Unlock()
	s.Append(user, messages...)
}

// Append delivers to a user that SetMaildrop made. Sessions in progress do not see it.
func (s *Server) Append(user string, messages ...Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.drops[user]
	for _, m := range messages {
		s.serial++
		if m.UIDL == "" {
			m.UIDL = fmt.Sprintf("%08x", s.serial)
		}
		if m.Size == 0 {
			m.Size = size(m.open())
		}
		d.messages = append(d.messages, &m)
	}
}

// Maildrop returns what a user has now, with the UIDLs and sizes that were filled in.
func (s *Server) Maildrop(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []Message
	if d := s.drops[user]; d != nil {
		for _, m := range d.messages {
			messages = append(messages, *m)
		}
	}
	return messages
}

// Locked says whether a session holds the user's maildrop.
func (s *Server) Locked(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drops[user] != nil && s.drops[user].locked
}

// check says whether a password or token is the user's.
func (s *Server) check(user string, right func(password string) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.drops[user]
	return d != nil && right(d.password)
}

// lock takes the maildrop for a session, if nobody has it.
func (s *Server) lock(user string) (messages []*Message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.drops[user]
	if d.locked {
		return nil, false
	}
	d.locked = true
	return slices.Clone(d.messages), true
}

// unlock gives it back, without the messages of gone.
func (s *Server) unlock(user string, gone map[*Message]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.drops[user]
	d.locked = false
	d.messages = slices.DeleteFunc(d.messages, func(m *Message) bool { return gone[m] })
}

// size counts the octets of a message as RETR sends them, less the dots of stuffing and the end.
func size(r io.Reader) int64 {
	w := stuffer{w: io.Discard, start: true}
	io.Copy(&w, r)
	w.end()
	return w.n
}
