package restore

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"postie/testdata/dovecot"
)

// Mail of all kinds comes to an empty server as it is, on every rung, and another run does nothing.
func TestRestore(t *testing.T) {
	servers := rungs()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := street(t, servers[name])(t)
			root := tree(t)
			want := here(t, root)
			dry, err := a.run(root, func(o *Options) { o.DryRun = true })
			a.ok(err)
			if n := a.appends.Load(); n > 0 || len(a.there()) > 0 {
				t.Errorf("a dry run did something: %d APPENDs", n)
			}
			r := a.restore(root)
			r.Received, dry.Received = 0, 0
			if r != dry || r.Uploaded != 17 || r.Created != 3 {
				t.Errorf("%+v was foretold as %+v", r, dry)
			}
			a.equal(want, "after the first run")
			a.rests(root)
			a.equal(want, "after another")
		})
	}
}

// Part of it is there already, with other flags: those that it lacks are added, none is taken away.
func TestPartly(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	root := dovecot.Dir(t)
	put(t, root, "INBOX/cur/1.a:2,S", letter(1), 1)
	put(t, root, "INBOX/cur/2.a:2,F", letter(2), 2)
	a.restore(root)
	other := dovecot.Dir(t)
	put(t, other, "INBOX/cur/1.b:2,RT", letter(1), 1)
	put(t, other, "INBOX/cur/2.b:2,", letter(2), 2)
	put(t, other, "INBOX/cur/3.b:2,T", letter(3), 3)
	if r := a.restore(other); r.Uploaded != 1 || r.There != 2 || r.Flags != 1 {
		t.Errorf("%+v", r)
	}
	want := dovecot.Dir(t)
	put(t, want, "INBOX/cur/1.b:2,RS", letter(1), 1)
	put(t, want, "INBOX/cur/2.b:2,F", letter(2), 2)
	put(t, want, "INBOX/cur/3.b:2,T", letter(3), 3)
	a.equal(here(t, want), "flags united")
	a.rests(other)
}

// Where the server takes many messages with one command, and many mailboxes are missing, the number of commands depends on neither of them.
func TestCommands(t *testing.T) {
	servers := rungs()
	for name, most := range map[string]int64{"full": 10, "no MULTIAPPEND": 300} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := street(t, servers[name])(t)
			root := dovecot.Dir(t)
			for n := range 300 {
				put(t, root, fmt.Sprintf("box%d/cur/%d.a:2,S", n%10, n), letter(n), n)
			}
			if r := a.restore(root); r.Uploaded != 300 || r.Created != 10 {
				t.Errorf("%+v", r)
			}
			if n := a.appends.Load(); n > most {
				t.Errorf("%d APPENDs, want at most %d", n, most)
			}
			const others = 30 // login, LIST, SELECT, LOGOUT; CREATE and SUBSCRIBE for each, in a flight
			if n := a.trips.Load(); n > most+others {
				t.Errorf("%d answers", n)
			}
		})
	}
}
