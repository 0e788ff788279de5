package pop3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// letter is a message of about 12 KB in lines of 76.
func letter() []byte {
	b := []byte("From: a@example.org\r\nSubject: benchmark\r\n\r\n")
	return append(b, bytes.Repeat([]byte("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod te\r\n"), 158)...)
}

// BenchmarkRetrieve fetches messages of 12 KB over loopback; MB/s are those of bodies, allocations those of client and
// server together.
func BenchmarkRetrieve(b *testing.B) {
	for _, bench := range []struct {
		name    string
		latency time.Duration
		n       int
		window  int
		without []string
	}{
		{"loopback/alone", 0, 2000, 0, []string{"PIPELINING"}},
		{"loopback/32", 0, 10000, 32, nil},
		{"loopback/128", 0, 10000, 128, nil},
		{"loopback/256", 0, 10000, 256, nil},
		{"50ms/32", 50 * time.Millisecond, 2000, 32, nil},
		{"50ms/128", 50 * time.Millisecond, 2000, 128, nil},
		{"50ms/256", 50 * time.Millisecond, 2000, 256, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := pop3test.Message{Body: letter()}
			server := serve(b, pop3test.Options{Latency: bench.latency, Without: bench.without}, slices.Repeat([]pop3test.Message{m}, bench.n)...)
			b.SetBytes(int64(len(m.Body) * bench.n))
			b.ReportAllocs()
			for b.Loop() {
				s, err := pop3.Connect(context.Background(), pop3.Options{Dial: server.Dial, Login: alice(), Window: bench.window})
				if err != nil {
					b.Fatal(err)
				}
				for m, err := range s.Retrieve(context.Background(), sized(bench.n, int64(len(letter())))) {
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, m.Body); err != nil {
						b.Fatal(err)
					}
				}
				s.Close()
				server.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*bench.n), "µs/message")
		})
	}
}

// BenchmarkSurvey lists large maildrops.
func BenchmarkSurvey(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			server := serve(b, pop3test.Options{}, slices.Repeat([]pop3test.Message{{Size: 1}}, n)...)
			s := connect(b, server.Dial)
			b.ReportAllocs()
			for b.Loop() {
				if items, err := s.Survey(context.Background()); err != nil || len(items) != n {
					b.Fatal(len(items), err)
				}
			}
		})
	}
}
