package imaptest

import (
	"bufio"
	"context"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Quirk is one way in which servers differ. Responses and commands are whole: with their literals, without the last CRLF.
// A nil function changes nothing. The functions of one connection are never called by two goroutines at once.
type Quirk struct {
	Says  func(d *Dialogue, response string) []string // gives what the client gets in place of a response
	Hears func(d *Dialogue, command string) string    // gives what the server gets in place of a command; "": nothing
}

// Distort dials a real server and lets it appear as one with quirks: a man in the middle. Responses and commands pass the
// quirks in their order. The server must take literals without leave (RFC 7888), whether it says so or not; the client
// gets leave from here. TLS and compression are not understood. Without quirks nobody is in the middle.
func Distort(dial func(context.Context) (net.Conn, error), quirks ...Quirk) func(context.Context) (net.Conn, error) {
	if len(quirks) == 0 {
		return dial
	}
	var connections atomic.Int32
	return func(ctx context.Context) (net.Conn, error) {
		server, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		client, conn := net.Pipe()
		d := &Dialogue{Connection: int(connections.Add(1)), quirks: quirks, client: conn, server: server, commands: map[string]string{}}
		go d.serve(server, nil, d.says)
		go d.serve(conn, func() { io.WriteString(conn, "+ go ahead\r\n") }, d.hears)
		return client, nil
	}
}

// Dialogue is one connection, as a quirk sees it.
type Dialogue struct {
	Connection int    // its number, from 1 on
	Said       int    // responses of the server so far
	Selected   string // the last SELECT or EXAMINE
	Exists     int    // messages in it, as EXISTS said last; 0: not said
	Fetched    int    // FETCH responses since it was selected
	Moved      bool   // a message left it, by a quirk

	mu             sync.Mutex
	quirks         []Quirk
	client, server net.Conn
	commands       map[string]string // by tag: those not yet answered
}

// Say sends responses to the client.
func (d *Dialogue) Say(responses ...string) {
	for _, r := range responses {
		io.WriteString(d.client, r+"\r\n")
	}
}

// Half sends a text to the client without the end of a line.
func (d *Dialogue) Half(text string) { io.WriteString(d.client, text) }

// Close ends the connection on both sides.
func (d *Dialogue) Close() {
	d.client.Close()
	d.server.Close()
}

// Answers gives the command that a response is the tagged reply to: "UID FETCH 1:* FLAGS"; "": it is no such reply.
func (d *Dialogue) Answers(response string) string {
	tag, _, _ := strings.Cut(response, " ")
	return d.commands[tag]
}

// serve reads from one side until it ends; then the connection is over.
func (d *Dialogue) serve(from net.Conn, leave func(), pass func(string)) {
	defer d.Close()
	r := bufio.NewReader(from)
	for {
		message, err := read(r, leave)
		if err != nil {
			return
		}
		d.mu.Lock()
		pass(message)
		d.mu.Unlock()
	}
}

func (d *Dialogue) says(response string) {
	d.observe(response)
	all := []string{response}
	for _, q := range d.quirks {
		if q.Says == nil {
			continue
		}
		var out []string
		for _, r := range all {
			out = append(out, q.Says(d, r)...)
		}
		all = out
	}
	d.Say(all...)
	if tag, _, _ := strings.Cut(response, " "); tag != "*" {
		delete(d.commands, tag)
	}
}

func (d *Dialogue) observe(response string) {
	d.Said++
	if fields := strings.Fields(response); len(fields) > 2 && fields[2] == "EXISTS" {
		d.Exists, _ = strconv.Atoi(fields[1])
	} else if len(fields) > 2 && fields[2] == "FETCH" {
		d.Fetched++
	}
}

func (d *Dialogue) hears(command string) {
	if tag, rest, ok := strings.Cut(command, " "); ok { // else it is DONE
		d.commands[tag] = rest
		if verb, name, _ := strings.Cut(rest, " "); verb == "SELECT" || verb == "EXAMINE" {
			d.Selected = strings.Trim(strings.Fields(name)[0], `"`)
			d.Exists, d.Fetched, d.Moved = 0, 0, false
		}
		for _, q := range d.quirks {
			if q.Hears != nil && command != "" {
				command = q.Hears(d, command)
			}
		}
	}
	if command != "" {
		io.WriteString(d.server, outside(command, func(line string) string {
			if _, waits, ok := announces(line); ok && waits {
				return strings.TrimSuffix(line, "}") + "+}"
			}
			return line
		})+"\r\n")
	}
}

// read reads a line and, as long as it ends in the announcement of a literal, that and the next line. leave, when not nil, is
// called where the other side waits before it sends the literal.
func read(r *bufio.Reader, leave func()) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		n, waits, ok := announces(strings.TrimRight(line, "\r\n"))
		if !ok {
			b.WriteString(strings.TrimSuffix(line, "\r\n"))
			return b.String(), nil
		}
		b.WriteString(line)
		if waits && leave != nil {
			leave()
		}
		if _, err := io.CopyN(&b, r, int64(n)); err != nil {
			return "", err
		}
	}
}

var announcement = regexp.MustCompile(`\{(\d+)(\+?)\}$`)

// announces reads the announcement of a literal at the end of a line.
func announces(line string) (size int, waits, ok bool) {
	if !strings.HasSuffix(line, "}") { // most do not: the pattern would look through each whole
		return 0, false, false
	}
	m := announcement.FindStringSubmatch(line)
	if m == nil {
		return 0, false, false
	}
	size, err := strconv.Atoi(m[1])
	return size, m[2] == "", err == nil
}

// outside changes each line of a message, but not its literals.
func outside(message string, change func(line string) string) string {
	var b strings.Builder
	for {
		line, rest, more := strings.Cut(message, "\r\n")
		b.WriteString(change(line))
		size, _, _ := announces(line)
		if !more {
			return b.String()
		}
		size = min(size, len(rest))
		b.WriteString("\r\n" + rest[:size])
		message = rest[size:]
	}
}
