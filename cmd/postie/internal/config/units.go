package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Secret is a password or the like. It prints as "[removed]" with every verb, in JSON and in logs; string(s) reveals it.
type Secret string

const removed = "[removed]"

func (Secret) Format(f fmt.State, _ rune)   { f.Write([]byte(removed)) }
func (Secret) String() string               { return removed }
func (Secret) MarshalText() ([]byte, error) { return []byte(removed), nil }

// Size is a number of octets.
type Size int64

// Fraction of a mailbox, from 0 to 1.
type Fraction float64

type unit struct {
	name string
	size int64
}

func durations() []unit {
	return []unit{{"y", int64(365 * 24 * time.Hour)}, {"w", int64(7 * 24 * time.Hour)}, {"d", int64(24 * time.Hour)}, {"h", int64(time.Hour)}, {"m", int64(time.Minute)}, {"s", int64(time.Second)}, {"ms", int64(time.Millisecond)}}
}

func sizes() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6},
		{"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1}, {"", 1},
	}
}

// ParseDuration reads numbers with units y (365 days), w, d, h, m, s and ms, such as "14d" or "1h30m". Zero is refused.
func ParseDuration(s string) (time.Duration, error) {
	var sum int64
	for rest := s; rest != "" || s == ""; {
		var n int64
		var err error
		if n, rest, err = amount(rest, durations()); err != nil || n > math.MaxInt64-sum {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		sum += n
	}
	if sum == 0 {
		return 0, fmt.Errorf("%q is no time at all", s)
	}
	return time.Duration(sum), nil
}

// ParseSize reads octets: "10MB" (10,000,000), "1GiB" (1,073,741,824) or "5000", letters in any case. Zero is refused.
func ParseSize(s string) (Size, error) {
	n, rest, err := amount(s, sizes())
	if err != nil || rest != "" {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	if n == 0 {
		return 0, fmt.Errorf("%q is no size at all", s)
	}
	return Size(n), nil
}

// amount reads a leading number with its unit and returns what follows.
func amount(s string, units []unit) (n int64, rest string, err error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	rest = s[digits:]
	name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
	n, err = strconv.ParseInt(s[:digits], 10, 64)
	for _, u := range units {
		if strings.EqualFold(name, u.name) && err == nil && n <= math.MaxInt64/u.size {
			return n * u.size, rest[len(name):], nil
		}
	}
	return 0, "", errors.New("no number with a unit")
}

// inUnits writes n with the largest unit that divides it.
func inUnits(n int64, units []unit) string {
	for _, u := range units {
		if n%u.size == 0 && n >= u.size {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return "0"
}

func (s Size) String() string { return inUnits(int64(s), sizes()) }

// FormatDuration writes d as ParseDuration reads it, to the millisecond.
func FormatDuration(d time.Duration) string { return inUnits(int64(d), durations()) }

// ParseFraction reads a percentage from "0%" to "100%".
func ParseFraction(s string) (Fraction, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(number, 64)
	// ParseFloat also knows "inf", "nan" and hexadecimal.
	if err != nil || !percent || strings.Trim(number, "0123456789.") != "" || f > 100 {
		return 0, fmt.Errorf("%q is not a percentage from 0%% to 100%%", s)
	}
	return Fraction(f / 100), nil
}

// String writes a part as ParseFraction reads it: to 15 digits, and without an exponent.
func (f Fraction) String() string {
	percent, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f)*100, 'g', 15, 64), 64)
	return strconv.FormatFloat(percent, 'f', -1, 64) + "%"
}

// ParseFingerprint reads "sha256:" and 64 hex digits in any case, with or without colons; it returns lower case
// without colons.
func ParseFingerprint(s string) (string, error) {
	kind, digits, _ := strings.Cut(strings.ToLower(s), ":")
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if kind != "sha256" || err != nil || len(sum) != 32 {
		return "", fmt.Errorf("%q is not a fingerprint", s)
	}
	return "sha256:" + hex.EncodeToString(sum), nil
}

// ParseTLS reads "implicit", "starttls" or "none".
func ParseTLS(s string) (TLS, error) {
	switch t := TLS(strings.ToLower(s)); t {
	case Implicit, StartTLS, None:
		return t, nil
	}
	return "", fmt.Errorf("%q is not one of implicit, starttls, none", s)
}
