//go:build unix

package mirror

import (
	"syscall"
	"testing"

	"postie/testdata/dovecot"
)

// The few descriptors that a process may have are no reason to fail a message: a smaller batch does.
func TestFewDescriptors(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	d := newDevice(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 0, 200)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	report, err := d.run(nil)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	if err != nil || report.Failed > 0 || report.New != 200 {
		t.Errorf("%+v, %v", report, err)
	}
	d.equal()
}
