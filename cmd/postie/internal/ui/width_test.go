package ui

import (
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	tests := []struct {
		s     string
		width int
		want  string
	}{
		{"abc", 5, "abc  "},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"abc", 0, ""},
		{"abc", -1, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日… "},
		{"日本語", 1, "…"},
		{"👩\u200d💻!!", 3, "👩\u200d💻…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	}
	for _, tt := range tests {
		if got := Fit(tt.s, tt.width); got != tt.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", tt.s, tt.width, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 4811: "4.8 kB", 9949: "9.9 kB", 9950: "10 kB", 48211: "48 kB",
		999_499: "999 kB", 999_500: "1.0 MB", 1_234_567_890: "1.2 GB", 5e12: "5.0 TB", 1 << 62: "4612 PB", -1: "-1 B"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for _, tt := range []struct {
		done, total int64
		want        string
	}{{0, 500, "  0/500 B"}, {3_100_000, 74_400_000, " 3.1/74.4 MB"}, {5000, 1_200_000_000, "0.0/1.2 GB"}, {120e6, 120e6, "120/120 MB"}} {
		if got := sizes(tt.done, tt.total); got != tt.want {
			t.Errorf("sizes(%d, %d) = %q, want %q", tt.done, tt.total, got, tt.want)
		}
	}
}

func TestDate(t *testing.T) {
	east := time.FixedZone("", 9*3600)
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, east)
	for in, want := range map[string]string{
		"2026-01-01T15:04:00Z":      "00:04", // already today in the east
		"2026-01-01T14:59:00Z":      "01 Jan",
		"2025-12-31T14:59:00Z":      "2025-12-31",
		"2026-12-24T00:00:00+09:00": "24 Dec",
		"2027-01-02T03:00:00+09:00": "2027-01-02",
	} {
		at, err := time.Parse(time.RFC3339, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Date(at, now); got != want {
			t.Errorf("Date(%s) = %q, want %q", in, got, want)
		}
	}
	if got := Date(time.Time{}, now); got != "" {
		t.Errorf("zero time: %q", got)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 8499 * time.Millisecond: "8s", 59600 * time.Millisecond: "1m00s",
		200 * time.Second: "3m20s", 3900 * time.Second: "1h05m", 51 * time.Hour: "2d03h"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
}
