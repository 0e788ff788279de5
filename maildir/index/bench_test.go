package index

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/message"
)

// sample makes a message as fetch would have it.
func sample(n int) Message {
	hash := sha256.Sum256(fmt.Append(nil, n))
	key := maildir.Key(fmt.Sprintf("1763763600.M%06dP1234R%016x.host", n%1000000, n))
	size := int64(12000 + n%5000)
	return Message{
		Mailbox: Inbox,
		Entry:   maildir.EntryOf(fmt.Sprintf("%s,S=%d", key, size), true),
		Date:    time.UnixMilli(1763763600000 + int64(n)),
		Wire:    maildir.Wire{Size: size, Hash: hash, Exact: true},
		Header:  hash,
		Summary: message.Summary{
			From: fmt.Sprintf("Name Surname%d <user%d@example.org>", n%500, n%500), To: "List <list@example.org>",
			Subject:   fmt.Sprintf("Re: [list] proposal number %d about word%d of things", n, n%977),
			MessageID: fmt.Sprintf("%x@mail.example.org", hash[:16]), Date: time.UnixMilli(1763763600000),
		},
	}
}

// enter puts messages into the table as a room that stored them does.
func enter(t testing.TB, s *Store, ms []Message) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *sql.Tx) error { return s.Enter(tx, ms) }); err != nil {
		t.Fatal(err)
	}
}

// fill enters n messages in batches.
func fill(b testing.TB, s *Store, n, batch int) {
	for from := 0; from < n; from += batch {
		var ms []Message
		for i := from; i < min(n, from+batch); i++ {
			ms = append(ms, sample(i))
		}
		enter(b, s, ms)
	}
}

// BenchmarkFetch is the index's share of fetching 10,000 messages in batches of 256.
func BenchmarkFetch(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := open(b, newRoot(b), nil)
		b.StartTimer()
		fill(b, s, 10000, 256)
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

// BenchmarkOpen opens an index of 200,000 messages.
func BenchmarkOpen(b *testing.B) {
	s := open(b, newRoot(b), nil)
	fill(b, s, 200000, 10000)
	for b.Loop() {
		s, err := Open(b.Context(), s.root, nil)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkRefresh reads 2,000 small files of an unknown Maildir; then it scans the known folder once more.
func BenchmarkRefresh(b *testing.B) {
	root := newRoot(b)
	for n := range 2000 {
		put(b, root, fmt.Sprintf("cur/%d.M%d.host,S=300:2,S", 1763763600+n, n), letter(n))
	}
	for b.Loop() {
		b.StopTimer()
		os.Remove(filepath.Join(string(root), ".postie.db"))
		s := open(b, root, nil)
		b.StartTimer()
		begin := time.Now()
		if r, err := s.Refresh(b.Context()); err != nil || r.Added != 2000 {
			b.Fatal(r, err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "first-ms")
		begin = time.Now()
		if r, err := s.Refresh(b.Context()); err != nil || r.Scanned != 1 {
			b.Fatal(r, err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "again-ms")
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}
