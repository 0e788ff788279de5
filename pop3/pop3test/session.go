package pop3test

import (
	"bufio"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// session is one connection.
type session struct {
	s       *Server
	id      int
	raw     net.Conn
	fault   Fault
	line    *line
	conn    net.Conn // line, late and under TLS as the options want
	r       *bufio.Reader
	w       *bufio.Writer
	secure  bool
	replies int64
	stamp   string

	name     string // given by USER
	user     string // logged in
	messages []*Message
	deleted  map[*Message]bool
	err      error // the first error of writing; it ends the session
}

func (c *session) run() {
	defer c.raw.Close()
	defer c.release(nil)
	c.line = &line{Conn: c.raw, fault: c.fault, broken: func() { c.s.cut(); c.release(nil) }}
	c.conn = c.line
	if c.s.o.Latency > 0 {
		late := newSlow(c.line, c.s.o.Latency)
		defer late.Close()
		c.conn = late
	}
	if c.s.o.Implicit {
		c.startTLS()
	}
	c.attach()
	c.stamp = fmt.Sprintf("<%d.1@postie.test>", c.id)
	if c.fault.On == Replies && c.fault.After == 0 {
		c.line.cut()
		return
	}
	greeting := c.s.o.greeting(c.stamp)
	c.reply(greeting)
	for ok := strings.HasPrefix(greeting, "+OK"); ok && c.err == nil; {
		var line string
		if line, ok = c.readLine(); ok {
			command := Command{c.id, line}
			c.s.log(command)
			if answer := c.s.o.answer(command); answer != nil {
				ok = c.give(answer)
			} else {
				ok = c.say(command)
			}
		}
	}
	c.flush()
}

// say executes a command and answers, honestly or not; false ends the session.
func (c *session) say(command Command) bool {
	if c.s.o.Distort == nil {
		return c.do(command.Line)
	}
	var honest strings.Builder
	line := c.w
	c.w = bufio.NewWriter(&honest)
	ok := c.do(command.Line)
	c.w.Flush()
	c.w = line
	c.w.WriteString(c.s.o.Distort(command, honest.String()))
	return ok
}

// attach puts the buffers on the connection. What was buffered before is lost, as STLS demands.
func (c *session) attach() {
	var w io.Writer = c.conn
	if c.s.o.BareLF {
		w = &bareLF{w: w}
	}
	c.r, c.w = bufio.NewReaderSize(c.conn, 64<<10), bufio.NewWriterSize(w, 64<<10)
}

func (c *session) startTLS() {
	c.conn = tls.Server(c.conn, c.s.o.TLS)
	c.secure = true
}

// readLine sends what is due when nothing more is there to be answered, and waits for a line.
func (c *session) readLine() (string, bool) {
	if c.r.Buffered() == 0 {
		c.flush()
		c.s.waits()
	}
	line, err := c.r.ReadString('\n')
	if c.err != nil || err != nil {
		return "", false
	}
	line = strings.TrimRight(line, "\r\n")
	if !c.s.o.has("PIPELINING") || c.user == "" && !strings.HasPrefix(line, "USER ") {
		c.r.Discard(c.r.Buffered())
	}
	return line, true
}

func (c *session) flush() {
	if err := c.w.Flush(); c.err == nil {
		c.err = err
	}
}

// reply sends a status line, with all that body writes after it.
func (c *session) reply(status string, body ...func(w io.Writer)) {
	c.w.WriteString(status + "\r\n")
	for _, write := range body {
		write(c.w)
	}
	c.replies++
	if c.fault.On == Replies && c.replies == c.fault.After {
		c.flush()
		c.err = c.line.cut()
	}
	if c.fault.On == Octets {
		c.flush() // else what was executed would depend on how commands were buffered
	}
}

func (c *session) no(format string, args ...any) { c.reply("-ERR " + fmt.Sprintf(format, args...)) }

// give sends an answer that is not ours; false ends the session.
func (c *session) give(a *Answer) bool {
	c.w.WriteString(a.Octets)
	c.replies++
	if a.HangUp || a.Stall {
		c.flush()
		c.line.fault.Stall = a.Stall
		c.err = c.line.cut()
	}
	return c.err == nil
}

// release gives the maildrop back, once.
func (c *session) release(gone map[*Message]bool) {
	if c.user != "" {
		c.s.unlock(c.user, gone)
		c.user = ""
	}
}

// do executes a command; false ends the session.
func (c *session) do(line string) bool {
	verb, arg, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if c.s.o.Refuse != nil {
		if text := c.s.o.Refuse(c.user, line); text != "" {
			c.no("%s", text)
			return true
		}
	}
	switch verb {
	case "QUIT":
		c.quit()
		return false
	case "CAPA":
		c.capa()
	case "NOOP":
		c.reply("+OK")
	default:
		if c.user != "" {
			c.transaction(verb, arg)
			return true
		}
		return c.authorization(verb, arg)
	}
	return true
}

// quit enters the UPDATE state: what is deleted is gone before the client hears of it (RFC 1939 section 6).
func (c *session) quit() {
	c.release(c.deleted)
	c.reply("+OK bye")
}

func (c *session) capa() {
	if !c.s.o.has("CAPA") {
		c.no("unknown command")
		return
	}
	c.reply("+OK", func(w io.Writer) {
		for _, name := range []string{"USER", "TOP", "UIDL", "PIPELINING", "RESP-CODES"} {
			if c.s.o.has(name) {
				fmt.Fprintf(w, "%s\r\n", name)
			}
		}
		if m := c.s.o.mechanisms(); len(m) > 0 {
			fmt.Fprintf(w, "SASL %s\r\n", strings.Join(m, " "))
		}
		if c.s.o.TLS != nil && !c.secure && c.s.o.has("STLS") {
			fmt.Fprint(w, "STLS\r\n")
		}
		fmt.Fprint(w, "AUTH-RESP-CODE\r\nEXPIRE NEVER\r\nIMPLEMENTATION postie-pop3test\r\n.\r\n")
	})
}

// authorization executes what is allowed before the login; false ends the session.
func (c *session) authorization(verb, arg string) bool {
	switch {
	case verb == "STLS" && c.s.o.TLS != nil && !c.secure && c.s.o.has("STLS"):
		c.reply("+OK begin")
		c.flush()
		c.startTLS()
		c.attach()
		c.name = ""
	case verb == "USER" && c.s.o.has("USER"):
		c.name = arg
		c.reply("+OK")
	case verb == "PASS" && c.name != "":
		c.enter(c.name, func(password string) bool { return password == arg })
	case verb == "APOP" && c.s.o.has("APOP"):
		user, digest, _ := strings.Cut(arg, " ")
		c.enter(user, func(password string) bool {
			sum := md5.Sum([]byte(c.stamp + password))
			return digest == hex.EncodeToString(sum[:])
		})
	case verb == "AUTH" && c.s.o.has("SASL"):
		return c.auth(arg)
	default:
		c.no("unknown command, or not now")
	}
	return true
}

// enter logs in, if the credentials are right and nobody else is there.
func (c *session) enter(user string, right func(password string) bool) {
	if !c.s.check(user, right) {
		c.no("[AUTH] wrong user or password")
		return
	}
	messages, ok := c.s.lock(user)
	if !ok {
		c.no("[IN-USE] maildrop is locked by another session")
		return
	}
	c.user, c.messages, c.deleted = user, messages, map[*Message]bool{}
	c.reply(fmt.Sprintf("+OK %d messages", len(messages)))
}

// transaction executes what is allowed after the login.
func (c *session) transaction(verb, arg string) {
	switch {
	case verb == "STAT":
		c.stat()
	case verb == "LIST":
		c.list(arg, func(_ int, m *Message) string { return strconv.FormatInt(m.Size, 10) })
	case verb == "UIDL" && c.s.o.has("UIDL"):
		c.list(arg, c.uidl)
	case verb == "RSET":
		clear(c.deleted)
		c.reply("+OK")
	case verb == "DELE":
		c.with(arg, func(m *Message) {
			c.deleted[m] = true
			c.reply("+OK marked")
		})
	case verb == "RETR":
		c.with(arg, func(m *Message) { c.send(func(w io.Writer) { io.Copy(w, m.open()) }) })
	case verb == "TOP" && c.s.o.has("TOP"):
		number, count, _ := strings.Cut(arg, " ")
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 {
			c.no("TOP wants a number of lines")
			return
		}
		c.with(number, func(m *Message) { c.send(func(w io.Writer) { copyTop(w, m.open(), n) }) })
	default:
		c.no("unknown command, or not now")
	}
}

func (c *session) stat() {
	var count int
	var octets int64
	for _, m := range c.messages {
		if !c.deleted[m] {
			count, octets = count+1, octets+m.Size
		}
	}
	c.reply(fmt.Sprintf("+OK %d %d", count, octets))
}

// list answers LIST and UIDL, with and without a number.
func (c *session) list(arg string, text func(int, *Message) string) {
	if arg != "" {
		n, _ := strconv.Atoi(arg)
		c.with(arg, func(m *Message) { c.reply("+OK " + arg + " " + text(n, m)) })
		return
	}
	c.reply("+OK", func(w io.Writer) {
		for i, m := range c.messages {
			if !c.deleted[m] {
				io.WriteString(w, strconv.Itoa(i+1)+" "+text(i+1, m)+"\r\n")
			}
		}
		io.WriteString(w, ".\r\n")
	})
}

func (c *session) uidl(number int, m *Message) string {
	if c.s.o.Numbered {
		return strconv.Itoa(number)
	}
	return m.UIDL
}

// send answers with a message.
func (c *session) send(write func(w io.Writer)) {
	c.reply("+OK", func(w io.Writer) {
		s := &stuffer{w: w, start: true, plain: c.s.o.Unstuffed}
		write(s)
		s.end()
	})
}

// with does something with the message of a number that is there and not deleted.
func (c *session) with(number string, do func(*Message)) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(c.messages) || c.deleted[c.messages[n-1]] {
		c.no("no such message")
		return
	}
	do(c.messages[n-1])
}
