package mirror

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// endsAt is a server that ends the connection whenever it gets a command that the pattern matches, while that mailbox is selected
// ("": any), with or without a word or half an answer; or falls silent.
func endsAt(command, selected, how string, asked *atomic.Int32) imaptest.Quirk {
	re := regexp.MustCompile(command)
	var silent sync.Map
	return imaptest.Quirk{
		Hears: func(d *imaptest.Dialogue, command string) string {
			if _, fell := silent.Load(d); fell {
				return ""
			}
			_, rest, _ := strings.Cut(command, " ")
			if !re.MatchString(rest) || selected != "" && d.Selected != selected {
				return command
			}
			asked.Add(1)
			switch how {
			case "silence":
				silent.Store(d, true)
				return ""
			case "BYE":
				d.Say("* BYE [SERVERBUG] internal error")
			case "half":
				d.Half("* 3 EXI")
			}
			d.Close()
			return ""
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			if _, fell := silent.Load(d); fell {
				return nil
			}
			return []string{response}
		},
	}
}

// errandAt is a command at which the connection ends, in each run, and what is left undone by that.
type errandAt struct {
	name, command, selected string
	quirks                  quirks
	named                   string // in what is told
	asked                   []int32
}

func errandsAt() []errandAt {
	return []errandAt{
		{"SELECT", `^SELECT "?A"?( |$)`, "", nil, "A0 the connection ended when this mailbox was looked at", []int32{2, 1}},
		{"FETCH FLAGS", `^UID FETCH 1:\* \(.*FLAGS`, "A", old(), "A0 the connection ended when this mailbox was looked at", []int32{2, 1}},
		{"SEARCH", `^UID SEARCH`, "A", condstore(), "A0 the connection ended when this mailbox was looked at", []int32{2, 1}},
		{"STORE", `^UID STORE .*Flagged`, "A", nil, "A2 flags UID 2: the connection ended", []int32{2, 1}},
		{"STORE of one", `^UID STORE (\d+[,:])*3([,:]\d+)* .*Answered`, "A", nil, "A3 flags UID 3: the connection ended", []int32{2, 1}},
		{"APPEND", `(?s)^APPEND "?A"? .*letter 801`, "", nil, "local801", []int32{2, 1}},
		{"MOVE", `^UID MOVE`, "A", nil, "A4 move UID 4: the connection ended", []int32{2, 1}},
		{"COPY", `^UID COPY`, "A", quirks{imaptest.Without("MOVE")}, "A4 move UID 4: the connection ended", []int32{2, 1}},
		{"EXPUNGE", `^UID EXPUNGE`, "A", nil, "A5 expunge UID 5: the connection ended", []int32{2, 1}},
		{"CREATE", `^CREATE "?New"?`, "", nil, "New0 create: the connection ended", []int32{2, 1}},
	}
}

// changedA changes the mailbox A in every way, and others behind it.
func changedA(d *device) {
	d.Helper()
	s := d.remote()
	d.flag("A", 20, maildir.FlagFlagged)
	d.flag("A", 21, maildir.FlagReplied)
	d.flag("A", 25, maildir.FlagReplied)
	_, err := d.dir("A").MoveTo(d.file("A", 22), d.dir("Z"))
	d.ok(err, d.dir("A").Remove(d.file("A", 23)))
	d.deliver("A", 800)
	d.deliver("A", 801)
	d.deliver("A", 802)
	d.put(s, "A", 300, 302)
	d.deliver("New", 900)
	d.deliver("INBOX", 810)
	d.flag("INBOX", 1, maildir.FlagFlagged)
	d.put(s, "Z", 310, 312)
	d.deliver("Z", 820)
	d.flag("Z", 90, maildir.FlagFlagged)
	d.select_(s, "A")
	set, err := uidsOf(context.Background(), s, 26)
	d.ok(err, s.Expunge(context.Background(), set))
}

// othersEqual demands that mailboxes hold the same on both sides, but for what waits for another.
func (d *device) othersEqual(names ...string) {
	d.Helper()
	here, there := d.here(), d.there()
	for _, name := range names {
		a, b := mails{name: here[name]}, mails{name: there[name]}
		for _, line := range append(a.less(b), b.less(a)...) {
			if !strings.Contains(line, "letter 22") { // moved from A
				d.Errorf("not on both sides: %s", line)
			}
		}
	}
}

// lasts demands of a device, at whose server the connection ends at that command, what TestErrand is about.
func (e *errandAt) lasts(d *device, how string) {
	d.Helper()
	var asked atomic.Int32
	d.quirks = append(quirks{endsAt(e.command, e.selected, how, &asked)}, e.quirks...)
	if how == "silence" {
		d.idle = 1500 * time.Millisecond
	}
	for n, want := range e.asked {
		r, err := d.run(nil)
		fails := strings.Join(d.failures(), "; ")
		if err != nil || r.Failed != 1 || len(r.Guards) > 0 || !strings.Contains(fails, e.named) || asked.Swap(0) > want {
			d.Fatalf("run %d: %+v, %v, %s", n, r, err, fails)
		}
		d.othersEqual("INBOX", "Z")
	}
	r, err := d.run(nil) // it waits
	if err != nil || r.Failed != 1 || asked.Load() > 0 || !strings.Contains(strings.Join(d.failures(), ""), "not tried before") {
		d.Errorf("%+v, %v, %v, asked %d times", r, err, d.failures(), asked.Load())
	}
	d.quirks = e.quirks
	d.clock += 2 * time.Hour
	d.sync()
	d.sync()
	d.equal()
	d.quiet()
}

// One command at which the server ends the connection, in each run: all else is done, of that mailbox and the others, and it is named.
// It comes last, and ever more seldom. When the server is mended, it is done too.
func TestErrand(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for i, e := range errandsAt() {
		hows := []string{"end", "half", "BYE", "silence"}
		if !thorough() {
			hows = hows[i%4 : i%4+1]
		}
		for _, how := range hows {
			t.Run(e.name+" "+how, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, e.quirks...)
				s := d.remote()
				beginning(d, s)
				d.put(s, "A", 25, 32)
				d.create(s, "Z")
				d.put(s, "Z", 90, 93)
				d.sync()
				changedA(d)
				e.lasts(d, how)
			})
		}
	}
}

// So it is with mailboxes that are renamed or deleted: RENAME and DELETE come last, alone, and are named and remembered.
func TestErrandOfMailbox(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for i, e := range []errandAt{
		{"RENAME", `^RENAME "?A"?`, "", nil, "A0 rename: the connection ended", []int32{2, 1}},
		{"DELETE", `^DELETE "?B"?`, "", nil, "B0 drop: the connection ended", []int32{2, 1}},
	} {
		for j, how := range []string{"end", "half", "BYE", "silence"} {
			if !thorough() && j%2 != i {
				continue
			}
			t.Run(e.name+" "+how, func(t *testing.T) {
				t.Parallel()
				d := w.device(t)
				s := d.remote()
				beginning(d, s)
				d.create(s, "B")
				d.create(s, "Z")
				d.put(s, "B", 60, 62)
				d.put(s, "Z", 90, 93)
				d.sync()
				if e.name == "RENAME" {
					d.ok(os.Rename(string(d.dir("A")), string(d.dir("Called"))))
				} else {
					d.opened(func() {
						_, err := d.store.DeleteMailbox(t.Context(), "B", maildir.FS)
						d.ok(err)
					})
				}
				d.deliver("INBOX", 810)
				d.flag("Z", 90, maildir.FlagFlagged)
				d.deliver("Z", 820)
				d.put(s, "Z", 310, 312)
				e.lasts(d, how)
			})
		}
	}
}
