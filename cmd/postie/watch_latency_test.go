package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// How long a change takes from one device to another, both with watch; and, with POSTIE_TEST_LONG=1, over 200 changes of all kinds, and
// beside it to a third device where mbsync runs in a loop with 5 seconds in between. The figures are logged; that each change
// arrives is what is demanded.
func TestWatchLatency(t *testing.T) {
	t.Parallel()
	long := os.Getenv("POSTIE_TEST_LONG") != ""
	changes := 8
	if long {
		changes = 200
	}
	for _, tt := range []struct{ name, capability string }{
		{"NOTIFY", ""},
		{"IDLE", "IMAP4rev1 LITERAL+ IDLE ENABLE NAMESPACE UIDPLUS LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC MOVE UNSELECT ESEARCH"},
	} {
		if !long && tt.name == "IDLE" {
			continue // TestWatchDevices has it
		}
		t.Run(tt.name, func(t *testing.T) {
			f := newFleet(t, dovecot.Options{Notify: true, ListIndex: true, IMAPCapability: tt.capability})
			a, b := f.postie("a", maildir.FS, `max_delete = "100%"`), f.postie("b", maildir.FS, `max_delete = "100%"`)
			f.server.Deliver(t, "alice", []byte(letter(1)))
			wa, wb := a.watch(), b.watch()
			eventually(t, "both are up", func() bool { return b.has("INBOX", 1, "") && a.has("INBOX", 1, "") })
			watched := latencies(a, b, changes)
			t.Logf("%s: watch to watch, %d changes: median %.2f s, slowest %.2f s", tt.name, changes, median(watched), slowest(watched))
			if path, err := exec.LookPath("mbsync"); err == nil && long {
				m := f.isync("m")
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					for {
						m.age()
						exec.Command(path, "-c", m.config(), "-a", "-q").Run()
						select {
						case <-stop:
							return
						case <-time.After(5 * time.Second):
						}
					}
				}()
				polled := latencies(a, m, 24)
				t.Logf("%s: watch to mbsync every 5 s, %d changes: median %.2f s, slowest %.2f s; %.1f times as long", tt.name, len(polled), median(polled), slowest(polled), median(polled)/median(watched))
			}
			wa.stop()
			wb.stop()
		})
	}
}

func slowest(all []time.Duration) float64 {
	most := time.Duration(0)
	for _, d := range all {
		most = max(most, d)
	}
	return most.Seconds()
}

// latencies measures changes on a until they are on another device.
func latencies(a, other *device, changes int) (all []time.Duration) {
	n := 1000
	for i := range changes {
		began := time.Now()
		switch i % 4 {
		case 0:
			n++
			a.deliver("INBOX", n, "")
			eventually(a.T, "new mail", func() bool { return other.has("INBOX", n, "") })
		case 1:
			a.rename(a.find("INBOX", n), "S")
			eventually(a.T, "a flag", func() bool { return other.has("INBOX", n, "S") })
		case 2:
			a.move(a.find("INBOX", n), "Old")
			eventually(a.T, "a move", func() bool { return other.has("Old", n, "S") && !other.has("INBOX", n, "S") })
		case 3:
			a.remove(a.find("Old", n))
			eventually(a.T, "a deletion", func() bool { return !other.has("Old", n, "S") })
		}
		all = append(all, time.Since(began))
	}
	return all
}

// has says whether a device has a letter with just these flags.
func (d *device) has(mailbox string, n int, flags string) bool {
	for e, err := range d.maildir(mailbox).Scan() {
		if err != nil {
			return false
		}
		if content, err := os.ReadFile(d.maildir(mailbox).Path(e)); err == nil && e.Set.String() == flags && strings.Contains(string(content), fmt.Sprintf("Subject: letter %d\n", n)) {
			return true
		}
	}
	return false
}
