package imap

import (
	"bytes"
	"strconv"
	"strings"
)

// RFC 3502, MULTIAPPEND: one APPEND takes several messages, of which the server keeps all or none. It saves a server the work that
// it has with each command: Dovecot looks through the whole mailbox after each. The library knows only APPEND of one message; the wire
// makes one command of several of its commands, and several answers of the one that comes.

// How many messages, and octets of them, make one command: what is refused together has to be sent again one by one.
const (
	joined       = 128
	joinedOctets = 1 << 20
)

// group are commands of the library that are one to the server, which knows the tag of the first. Guarded by wire.mu.
type group struct {
	tags  []string
	open  bool   // the command has not ended: a message is to follow
	early *reply // that came before it had
}

// join says whether the command that the library ends next is to go on with its next one.
func (w *wire) join(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.joins = on
}

// continues says whether a command that begins goes on with the one before, and gives what is left of its line then: without tag, name and
// mailbox.
func (w *wire) continues(line []byte) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.group == nil || !w.group.open {
		return line, false
	}
	_, rest, _ := bytes.Cut(line, []byte(" APPEND "))
	if end := bytes.IndexByte(rest, ' '); end >= 0 && rest[0] != '"' {
		return rest[end:], true
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return rest[i+1:], true
		}
	}
	return line, false
}

// withheld takes note that the library has ended a command, and says whether that is kept from the server, since a message follows.
func (w *wire) withheld(tag string, answered bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	on := w.joins && !answered
	if w.joins = false; w.group == nil && !on {
		return false
	}
	if w.group == nil {
		w.group = &group{}
	}
	w.group.tags = append(w.group.tags, tag)
	w.group.open = on
	return on
}

// closed says that what ends a group is sent.
func (w *wire) closed() {
	w.mu.Lock()
	g := w.group
	w.group = nil
	if g != nil {
		w.groups[g.tags[0]] = g
	}
	w.mu.Unlock()
	if g != nil && g.early != nil {
		w.ends(g.tags[0], *g.early)
	}
}

// grouped gives the commands that an answer is for, each with its own; nil: it has to wait until all was sent.
func (w *wire) grouped(tag string, r reply) []string {
	if g := w.group; g != nil && g.tags[0] == tag {
		g.early = &r
		w.literalDoubted = w.literalDoubted || w.unsynced[tag] && r.Status == "BAD" // what follows tells, and comes before the group ends
		return nil
	}
	if g := w.groups[tag]; g != nil {
		delete(w.groups, tag)
		return g.tags
	}
	return []string{tag}
}

// share is what of a reply is for one of n messages: its UID of RFC 4315 section 3, if it tells them.
func (r reply) share(i, n int) reply {
	if n == 1 || r.Code.Name != "APPENDUID" {
		return r
	}
	validity, list, _ := strings.Cut(r.Code.Args, " ")
	uids, ok := expand(list, n)
	if r.Code.Args = ""; ok && len(uids) == n {
		r.Code.Args = validity + " " + strconv.FormatUint(uint64(uids[i]), 10)
	}
	return r
}
