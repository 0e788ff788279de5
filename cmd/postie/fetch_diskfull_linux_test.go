package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/pop3/pop3test"
	"postie/testdata/messages"
)

// A disk that fills up in the middle: a clear error, nothing deleted on the server, nothing half in the Maildir; and once
// there is room all of it arrives, once.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("skipped, since it needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	server := pop3test.NewServer(pop3test.Options{})
	defer server.Close()
	var maildrop []pop3test.Message
	for m := range messages.Generated(600, 0) {
		maildrop = append(maildrop, pop3test.Message{Body: m})
	}
	server.SetMaildrop("alice", "secret", maildrop...)
	address, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PW", "secret")
	fetch := func() (int, string) {
		var out bytes.Buffer
		code := run([]string{"fetch", "pop3://alice@" + address, "--tls", "none", "--password-env", "PW", "-d", filepath.Join(disk, "inbox")}, &out, &out)
		server.Wait()
		return code, out.String()
	}
	code, out := fetch()
	if code != exit.Failed || !strings.Contains(out, "no space left on device") || !strings.Contains(out, "nothing was deleted on the server") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if left := len(server.Maildrop("alice")); left != 600 {
		t.Errorf("%d messages are on the server, want all 600", left)
	}
	dir := maildir.Dir(filepath.Join(disk, "inbox"))
	// Where nothing could be stored nothing stays, folders included.
	if half, err := os.ReadDir(filepath.Join(string(dir), "tmp")); err != nil && !errors.Is(err, fs.ErrNotExist) || len(half) > 0 {
		t.Errorf("%d files are left in tmp, %v", len(half), err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=40m"); err != nil {
		t.Fatal(err)
	}
	if code, out := fetch(); code != exit.OK {
		t.Errorf("with room again: exit code %d\n%s", code, out)
	}
	n := 0
	for _, err := range dir.Scan() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if left := len(server.Maildrop("alice")); n != 600 || left != 0 {
		t.Errorf("%d messages here and %d on the server, want 600 and 0", n, left)
	}
}
