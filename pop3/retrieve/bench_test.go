package retrieve

import (
	"os"
	"testing"

	"postie/pop3/pop3test"
	"postie/testdata/messages"
)

// BenchmarkRun fetches 2,000 messages of 12 KB from a server in the same process: what postie itself costs.
func BenchmarkRun(b *testing.B) {
	var maildrop []pop3test.Message
	var size int64
	for m := range messages.Generated(2000, 0) {
		maildrop = append(maildrop, pop3test.Message{Body: m})
		size += int64(len(m))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		w := newWorld(b, pop3test.Options{}, maildrop...)
		if report := w.ok(Policy{}); report.New != len(maildrop) {
			b.Fatalf("%+v", report)
		}
		w.server.Close()
		os.RemoveAll(string(w.dir))
	}
}
