package mirror

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/testdata/dovecot"
)

// A server that was restored from a backup gives UIDs to new messages that others here have. The messages it lost stay here
// and are reported, the new ones come, and nothing is taken for another.
func TestServerRestored(t *testing.T) {
	tests := map[string]struct {
		flags, lost, came int
		o                 dovecot.Options
	}{
		"fewer messages":                 {lost: 6, came: 3},
		"no messages":                    {lost: 6},
		"more messages":                  {lost: 3, came: 6, flags: 20},
		"fewer messages, old server":     {lost: 6, came: 3, o: rungs()["bare"]},
		"fewer messages, without STATUS": {lost: 6, came: 3, o: rungs()["no QRESYNC"]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, tt.o)
			s := d.remote()
			d.put(s, "INBOX", 0, 20)
			d.ok(s.Close())
			backup := filepath.Join(dovecot.Dir(t), "backup")
			d.ok(exec.Command("cp", "-a", d.home(), backup).Run())
			s = d.remote()
			d.put(s, "INBOX", 20, 20+tt.lost)
			d.select_(s, "INBOX")
			for range tt.flags {
				for _, op := range []goimap.StoreFlagsOp{goimap.StoreFlagsAdd, goimap.StoreFlagsDel} {
					_, err := s.Store(context.Background(), goimap.UIDSetNum(1), op, []goimap.Flag{goimap.FlagSeen}, 0)
					d.ok(err)
				}
			}
			d.sync()
			d.ok(s.Close(), os.RemoveAll(d.home()), exec.Command("cp", "-a", backup, d.home()).Run())
			s = d.remote()
			d.put(s, "INBOX", 40, 40+tt.came)
			for range 2 {
				r := d.sync()
				if len(r.Guards) != 1 || r.Guards[0].Would != tt.lost || r.DeletedLocal+r.DeletedRemote+r.Uploaded != 0 {
					t.Errorf("%+v", r)
				}
				if n := len(d.entries("INBOX")); n != 20+tt.lost+tt.came {
					t.Errorf("%d files are here", n)
				}
			}
			d.policy.AllowMassDelete = true
			if r := d.sync(); r.Uploaded != tt.lost {
				t.Errorf("allowed: %+v", r)
			}
			d.equal()
			d.rest()
		})
	}
}
