package config

import (
	"testing"
	"time"
)

// What is read as a size, a time or a part is written as what reads the same again; none is negative.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"10MB", "1GiB", "5000", "9223372036854775807", "9223372036854775807B", "1h30m", "99999999999w", "14d", "0", "30%", "1e2%", "100.0%", "-1", "1ms", "..%", ".00001%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParseSize(text); err == nil {
			if again, err := ParseSize(n.String()); err != nil || again != n || n <= 0 {
				t.Fatalf("%q is %d, written %q, read %d, %v", text, n, n, again, err)
			}
		}
		if d, err := ParseDuration(text); err == nil {
			if again, err := ParseDuration(FormatDuration(d)); err != nil || again != d || d < time.Millisecond {
				t.Fatalf("%q is %d, written %q, read %d, %v", text, d, FormatDuration(d), again, err)
			}
		}
		if n, err := ParseFraction(text); err == nil {
			if again, err := ParseFraction(n.String()); err != nil || again-n > 1e-12 || n-again > 1e-12 || n < 0 || n > 1 {
				t.Fatalf("%q is %v, written %q, read %v, %v", text, float64(n), n, float64(again), err)
			}
		}
		if k, err := ParseKeep(text); err == nil && k.Mode == KeepFor && k.For <= 0 {
			t.Fatalf("%q keeps for %v", text, k.For)
		}
	})
}

// The address of a proxy is read as what it says, and its errors repeat nothing of it: it may hold a password.
func FuzzProxy(f *testing.F) {
	for _, s := range []string{"socks5://u:p%40@h:1", "socks5h://[::1]", "socks5://h/", "http://h", "socks5://:@h:0", "socks5://::", "socks5://h:99999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProxy(text)
		if err != nil {
			return
		}
		if again, err := parseProxy(p.URL()); err != nil || again != p {
			t.Fatalf("%q is %q, and that %q, %v", text, p.URL(), again.URL(), err)
		}
	})
}
