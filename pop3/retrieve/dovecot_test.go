package retrieve

import (
	"context"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// With a real server: what it holds arrives byte for byte (LF), it is empty afterwards, and the second run has nothing
// to do and hardly asks.
func TestDovecot(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{})
	want := map[string]int{}
	var all [][]byte
	for _, s := range messages.All() {
		if s.Name == "nul-bytes" || s.Name == "bare-cr" || s.NoFinalNewline || len(s.Wire) == 0 {
			continue // Dovecot mends these on the way out; the built-in server sends them as they are
		}
		all = append(all, s.Wire)
	}
	for m := range messages.Generated(2000, 2000) {
		all = append(all, m)
	}
	for _, m := range all {
		want[strings.ReplaceAll(string(m), "\r\n", "\n")]++
	}
	server.Deliver(t, "alice", all...)

	dir := maildir.Dir(filepath.Join(dovecot.Dir(t), "inbox"))
	report := runDovecot(t, server, dir)
	if report.New != len(all) || report.Deleted != len(all) || report.Failed != 0 {
		t.Errorf("first run: %+v", report)
	}
	if got := local(t, dir); !maps.Equal(got, want) {
		for content := range got {
			if want[content] == 0 {
				t.Errorf("not as it was: %.200q", content)
			}
		}
	}
	again := runDovecot(t, server, dir)
	if again.New+again.Deleted != 0 || again.Bytes > 1000 {
		t.Errorf("second run: %+v", again)
	}
}

func runDovecot(t *testing.T, server *dovecot.Server, dir maildir.Dir) Report {
	t.Helper()
	if err := dir.Ensure(); err != nil {
		t.Fatal(err)
	}
	store, err := index.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", dovecot.Address(server.POP3))
	}
	report, err := Run(t.Context(), Options{Maildrop: index.Login{User: "alice", Host: "dovecot"}, Store: store, Dir: dir,
		POP3: pop3.Options{Dial: dial, Login: password(dovecot.Password), Idle: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
