package maildir

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Key identifies a message in a Maildir: its file name up to the first ',' or ':'. Renames keep it.
type Key string

// KeyOf gives the key of a file name.
func KeyOf(name string) Key {
	name, _, _ = strings.Cut(name, ",")
	name, _, _ = strings.Cut(name, ":")
	return Key(name)
}

// NewKey makes a unique name as the Maildir specification wants it: seconds '.' unique part '.' host.
// 64 random bits make it unique whatever clocks, process ids and hosts do.
func NewKey(now time.Time) Key {
	var r [8]byte
	rand.Read(r[:]) // never fails
	return Key(fmt.Sprintf("%d.M%dP%dR%x.%s", now.Unix(), now.Nanosecond()/1000, processID(), r, hostname()))
}

// The kernel is asked once, not for each message.
var (
	processID = sync.OnceValue(os.Getpid)
	hostname  = sync.OnceValue(func() string {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "localhost"
		}
		return plainHost(host)
	})
)

// plainHost replaces what would end a key, or the file name: "/" by "\057" and ":" by "\072", says the specification.
func plainHost(host string) string {
	var b strings.Builder
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c == 0x7f || strings.IndexByte("/:,", c) >= 0 {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Entry is one file of a Maildir, known from its name alone.
type Entry struct {
	Name    string // base name
	Key     Key
	New     bool // in new/, else in cur/
	Set     FlagSet
	Letters string // keyword letters a–z of the name, sorted, each once
	Size    int64  // of the file in octets, from ",S="; -1 when the name does not say
}

// EntryOf reads a file name. It never fails: what it does not understand is no flag and no size.
func EntryOf(name string, inNew bool) Entry {
	base, flags, _ := splitName(name)
	set, letters, _ := parseFlags(flags)
	return Entry{Name: name, Key: KeyOf(name), New: inNew, Set: set, Letters: letters.String(), Size: sizeOf(base)}
}

// Rel is the path below the Maildir: "cur/NAME" or "new/NAME".
func (e Entry) Rel() string {
	if e.New {
		return "new/" + e.Name
	}
	return "cur/" + e.Name
}

// Path is where the file lies.
func (d Dir) Path(e Entry) string { return d.sub(e.Rel()) }

// splitName cuts BASE[:2,FLAGS[,REST]]. The last ':' counts, as in Dovecot and mutt; any other info than "2," is
// experimental and belongs to the base, so that it survives.
func splitName(name string) (base, flags, rest string) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || !strings.HasPrefix(name[i:], ":2,") {
		return name, "", ""
	}
	base, flags = name[:i], name[i+len(":2,"):]
	if j := strings.IndexByte(flags, ','); j >= 0 {
		flags, rest = flags[:j], flags[j:]
	}
	return base, flags, rest
}

// sizeOf reads ",S=" of the part before the flags.
func sizeOf(base string) int64 {
	_, s, ok := strings.Cut(base, ",S=")
	if !ok {
		return -1
	}
	if i := strings.IndexAny(s, ",:"); i >= 0 {
		s = s[:i]
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// withFlags is the entry under the name it has with these flags and letters: in new/ as long as it is there and has
// none, else in cur/. Characters that are neither flag nor letter stay as they were.
func (e Entry) withFlags(set FlagSet, l letterSet) Entry {
	base, old, rest := splitName(e.Name)
	_, _, unknown := parseFlags(old)
	inNew := e.New && set == 0 && l == 0
	name := base
	if flags := mergeFlags(set.String()+l.String(), unknown) + rest; flags != "" || !inNew {
		name += ":2," + flags
	}
	return EntryOf(name, inNew)
}
